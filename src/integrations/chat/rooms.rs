//! Chats with channels: what each of them can do ([`Rooms`]), and the one way in which all of them deliver. What is looked
//! for before it is sent again, what counts as done already and what people are told of it is decided here; a product's
//! own files only know how it says these things.

use std::future::Future;
use std::sync::Arc;

use super::account::Account;
use super::board::{ARRIVED, Board, NAMES, cut, in_doubt, nth, plain_name, post, shortened};
use super::road::{Outcome, Reply, Trouble, not_here};
use super::words::plain;
use crate::domain::incident::delivery::{Again, Receipt, What};
use crate::domain::text::clean;
use crate::incident::clearance::{Cleared, Courier};
use crate::integrations::http::Pairs;
use crate::ports;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ChannelView, Chat, ChatLimits, DeliveryError, Service, ServiceCheck};

/// A channel as it is wanted.
#[derive(Debug)]
pub(super) struct Wanted<'a, I> {
    /// The pass.
    pub cleared: &'a Cleared,
    /// Who opens it.
    pub me: &'a I,
    /// The name as it was asked for.
    pub asked: &'a str,
    /// What it may be named, in this order.
    pub names: Vec<String>,
    /// Only for those who are invited?
    pub private: bool,
    /// What it is for, without marks of writing.
    pub purpose: String,
    /// What it is known by again.
    pub mark: String,
}

/// What a chat with channels can do. Each verb is one request that alters something, with the looks that it needs.
/// A refusal that says that it is so already is no error.
pub(super) trait Rooms: Board + Send {
    /// Whose token it is, and where.
    type Identity: Send + Sync;

    /// The longest title of a bookmark, in characters; `None` for a chat whose channels have none.
    const BOOKMARK: Option<usize> = None;

    /// The configured account.
    fn account(&self) -> &Account<Self::Identity>;

    /// Asks whose token it is; an error where it is for another place than the configured one.
    fn whoami(&self) -> impl Future<Output = Outcome<Self::Identity>> + Send;

    /// Names to try, the wanted one first.
    fn names(name: &str, _mark: &str) -> Vec<String> {
        (1..=NAMES).map(|number| nth(name, number, Self::LIMITS.name)).collect()
    }

    /// The channel that an earlier attempt opened, by its mark; it is completed where the attempt was interrupted.
    fn opened_before(
        &self,
        wanted: &Wanted<'_, Self::Identity>,
    ) -> impl Future<Output = Outcome<Option<Receipt>>> + Send;

    /// Opens a channel that holds the mark; `None` where another has the name.
    fn create(
        &self,
        wanted: &Wanted<'_, Self::Identity>,
        name: &str,
    ) -> impl Future<Output = Outcome<Option<Receipt>>> + Send;

    /// As much of a line as a topic holds.
    fn topic_of(line: &str) -> String {
        shortened(line, Self::LIMITS.topic).0
    }

    /// The topic as it was set; `None` where [`Self::set_topic`] looks by itself.
    fn topic(&self, _channel: &str) -> impl Future<Output = Outcome<Option<String>>> + Send {
        std::future::ready(Ok(None))
    }

    /// Sets the topic; `false` where it was so already.
    fn set_topic(&self, cleared: &Cleared, channel: &str, topic: &str) -> impl Future<Output = Outcome<bool>> + Send;

    /// The id of somebody; an error for nobody and for several.
    fn resolve(&self, me: &Self::Identity, who: &str) -> impl Future<Output = Outcome<String>> + Send;

    /// Is somebody in the channel? Not asked for where [`Self::add`] says so.
    fn is_there(&self, _channel: &str, _user: &str) -> impl Future<Output = Outcome<bool>> + Send {
        std::future::ready(Ok(false))
    }

    /// Has somebody join; `who` is how they were named. With what people should know of it.
    fn add(
        &self,
        cleared: &Cleared,
        me: &Self::Identity,
        channel: &str,
        user: &str,
        who: &str,
    ) -> impl Future<Output = Outcome<Vec<String>>> + Send;

    /// Pins a message; `false` where it was pinned already.
    fn pin(&self, cleared: &Cleared, channel: &str, message: &str) -> impl Future<Output = Outcome<bool>> + Send;

    /// The id of the bookmark with this title and address.
    fn bookmarked(
        &self,
        _channel: &str,
        _title: &str,
        _url: &str,
    ) -> impl Future<Output = Outcome<Option<String>>> + Send {
        std::future::ready(Ok(None))
    }

    /// Puts a bookmark at the channel's head, and answers with its id; `None` where this server has none.
    fn bookmark(
        &self,
        _cleared: &Cleared,
        _channel: &str,
        _title: &str,
        _url: &str,
    ) -> impl Future<Output = Outcome<Option<String>>> + Send {
        std::future::ready(Ok(None))
    }

    /// Closes the channel for new messages. With what people should know of it.
    fn archive(
        &self,
        cleared: &Cleared,
        me: &Self::Identity,
        channel: &str,
    ) -> impl Future<Output = Outcome<Option<&'static str>>> + Send;

    /// Where a person can look at a message.
    fn permalink(&self, me: &Self::Identity, channel: &str, message: &str) -> Option<String>;

    /// Topic, members and the last messages, oldest first.
    fn look(&self, me: &Self::Identity, channel: &str) -> impl Future<Output = Outcome<ChannelView>> + Send;

    /// What `doctor` wants to know. Alters nothing.
    fn checks(&self) -> impl Future<Output = Vec<ServiceCheck>> + Send;

    /// Asks the API.
    fn ask(&self, path: &str, query: Pairs<'_>) -> impl Future<Output = Outcome<Reply>> + Send {
        self.account().road.read(path, query)
    }

    /// Has the API alter something, once. Where the token was read anew since it was asked whose it is, that is asked
    /// again before.
    fn tell(
        &self,
        cleared: &Cleared,
        method: &'static str,
        path: &str,
        body: &serde_json::Value,
    ) -> impl Future<Output = Outcome<serde_json::Value>> + Send {
        async move {
            self.identity().await?;
            Ok(self.account().road.write(cleared, method, path, body).await?.json)
        }
    }

    /// Whose token it is, asked once.
    fn identity(&self) -> impl Future<Output = Outcome<Arc<Self::Identity>>> + Send {
        async move {
            if let Some(known) = self.account().whose() {
                return Ok(known);
            }
            let whose = Arc::new(self.whoami().await?);
            self.account().remember(Some(Arc::clone(&whose)));
            Ok(whose)
        }
    }
}

/// Delivers.
async fn send<R: Rooms>(rooms: &R, cleared: &Cleared) -> Outcome<Receipt> {
    // Without an answer to this, nothing is known of what an earlier attempt did.
    let me = &*rooms.identity().await.map_err(|trouble| trouble.unseen(cleared))?;
    match &cleared.delivery().what {
        What::OpenChannel { name, private, purpose } => open(rooms, cleared, me, name, *private, purpose).await,
        What::Topic { topic } => set_topic(rooms, cleared, channel(cleared)?, topic).await,
        What::Invite { who } => invite(rooms, cleared, me, channel(cleared)?, who).await,
        What::Post { text } => say(rooms, cleared, me, channel(cleared)?, text).await,
        What::Pin { .. } => {
            let is_new = rooms.pin(cleared, channel(cleared)?, message(cleared)?).await?;
            Ok(told((!is_new).then(|| "it was pinned already".to_owned())))
        }
        What::Link { title, url } => link(rooms, cleared, me, channel(cleared)?, title, url).await,
        What::Archive => Ok(told(rooms.archive(cleared, me, channel(cleared)?).await?.map(str::to_owned))),
        _ => Err(not_here(rooms.account().road.product(), "page anyone or publish anything")),
    }
}

/// Opens the channel, or finds the one that an earlier attempt opened.
async fn open<R: Rooms>(
    rooms: &R,
    cleared: &Cleared,
    me: &R::Identity,
    asked: &str,
    private: bool,
    purpose: &str,
) -> Outcome<Receipt> {
    let name = plain_name(asked, R::LIMITS.name)
        .map_err(|why| Trouble::ask(Fault::new(FaultKind::NotConfigured, why).hint("choose another name")))?;
    let mark = cleared.mark();
    let wanted = Wanted { cleared, me, asked, names: R::names(&name, &mark), private, purpose: plain(purpose), mark };
    if let Some(Some(found)) = in_doubt(cleared, rooms.opened_before(&wanted)).await? {
        return Ok(adopted(found));
    }
    let mut remarks = Vec::new();
    for (at, name) in wanted.names.iter().enumerate() {
        if let Some(made) = rooms.create(&wanted, name).await? {
            if let Some(name) = made.name.as_deref().filter(|name| *name != asked) {
                remarks.push(format!("the channel is named {name}, not {}", clean(asked)));
            }
            remarks.extend(made.remarks);
            return Ok(Receipt { remarks, ..made });
        }
        // Somebody else's, unless an attempt of ours is found that nobody remembers, or that arrived just now.
        if at == 0 {
            match rooms.opened_before(&wanted).await {
                Ok(Some(found)) => return Ok(adopted(found)),
                Ok(None) => {}
                Err(trouble) if trouble.error.again == Again::Ask => {
                    remarks.push(format!("whose the channel {name} is could not be seen: {}", trouble.said()));
                }
                Err(trouble) => return Err(trouble.unseen(cleared)),
            }
        }
    }
    let last = wanted.names.last().unwrap_or(&name);
    let first = wanted.names.first().unwrap_or(&name);
    let message = format!("channels named {first} to {last} all exist already");
    Err(Trouble::ask(Fault::new(FaultKind::Server, message).hint("choose another name")))
}

fn adopted(mut found: Receipt) -> Receipt {
    found.remarks.insert(0, "it was there already: an earlier attempt had arrived".to_owned());
    found
}

/// Sets the topic. Done twice, some chats would say so twice in the channel.
async fn set_topic<R: Rooms>(rooms: &R, cleared: &Cleared, channel: &str, topic: &str) -> Outcome<Receipt> {
    let (whole, _) = shortened(&plain(topic), usize::MAX);
    let line = R::topic_of(&whole);
    let mut receipt = told((line != whole).then(|| cut("topic", R::LIMITS.topic)));
    let there = in_doubt(cleared, rooms.topic(channel)).await?.flatten();
    if there.is_some_and(|there| there == line) || !rooms.set_topic(cleared, channel, &line).await? {
        receipt.remarks.push(ARRIVED.to_owned());
    }
    Ok(receipt)
}

/// Invites one person.
async fn invite<R: Rooms>(
    rooms: &R,
    cleared: &Cleared,
    me: &R::Identity,
    channel: &str,
    who: &str,
) -> Outcome<Receipt> {
    let user = rooms.resolve(me, who).await.map_err(|trouble| trouble.unseen(cleared))?;
    let remarks = match in_doubt(cleared, rooms.is_there(channel, &user)).await? {
        Some(true) => vec![there_already(who)],
        _ => rooms.add(cleared, me, channel, &user, who).await?,
    };
    Ok(Receipt { id: Some(user), remarks, ..Receipt::default() })
}

/// What is said of somebody who needs no invitation.
pub(super) fn there_already(who: &str) -> String {
    format!("{} was in the channel already", clean(who))
}

/// Posts a text.
async fn say<R: Rooms>(rooms: &R, cleared: &Cleared, me: &R::Identity, channel: &str, text: &str) -> Outcome<Receipt> {
    let mut receipt = post(rooms, cleared, channel, text).await?;
    receipt.link = receipt.id.as_deref().and_then(|id| rooms.permalink(me, channel, id));
    Ok(receipt)
}

/// Puts a link at the channel's head; where there is no place for one, it is posted and pinned.
async fn link<R: Rooms>(
    rooms: &R,
    cleared: &Cleared,
    me: &R::Identity,
    channel: &str,
    title: &str,
    url: &str,
) -> Outcome<Receipt> {
    if let Some(limit) = R::BOOKMARK {
        let title = shortened(&plain(title), limit).0;
        let receipt =
            |id: String, remark: Option<String>| Receipt { id: Some(id).filter(|id| !id.is_empty()), ..told(remark) };
        if let Some(Some(id)) = in_doubt(cleared, rooms.bookmarked(channel, &title, url)).await? {
            return Ok(receipt(id, Some(ARRIVED.to_owned())));
        }
        if let Some(id) = rooms.bookmark(cleared, channel, &title, url).await? {
            return Ok(receipt(id, None));
        }
    }
    let mut receipt = say(rooms, cleared, me, channel, &format!("[{title}]({url})")).await?;
    if R::BOOKMARK.is_some() {
        receipt.remarks.push("this server has no bookmarks: it was posted and pinned instead".to_owned());
    }
    match rooms.pin(cleared, channel, receipt.id.as_deref().unwrap_or_default()).await {
        Ok(_) => Ok(receipt),
        // Only what a person would have to see to is left at a remark.
        Err(trouble) if trouble.error.again == Again::Ask => {
            receipt.remarks.push(format!("it was posted, but not pinned: {}", trouble.said()));
            Ok(receipt)
        }
        Err(trouble) => Err(trouble.after_a_part("the link was posted")),
    }
}

fn told(remark: Option<String>) -> Receipt {
    Receipt { remarks: remark.into_iter().collect(), ..Receipt::default() }
}

/// A delivery that came before what it needs.
fn channel(cleared: &Cleared) -> Outcome<&str> {
    cleared.channel().filter(|channel| !channel.is_empty()).ok_or_else(|| {
        let message = "there is no channel yet that it could go to";
        Trouble::ask(Fault::new(FaultKind::NotConfigured, message).hint("open the channel first"))
    })
}

/// The message that it is about.
fn message(cleared: &Cleared) -> Outcome<&str> {
    cleared.message().filter(|message| !message.is_empty()).ok_or_else(|| {
        let fault = Fault::new(FaultKind::NotConfigured, "the message to pin was not posted yet");
        Trouble::ask(fault.hint("post it first"))
    })
}

/// After a token was refused, the next one may be another's.
fn heeded<R: Rooms, T>(rooms: &R, result: Outcome<T>) -> Outcome<T> {
    if result.as_ref().is_err_and(|trouble| trouble.error.fault.kind == FaultKind::Unauthorized) {
        rooms.account().remember(None);
    }
    result
}

impl<R: Rooms> Service for R {
    fn name(&self) -> &str {
        &self.account().name
    }

    fn product(&self) -> &'static str {
        self.account().road.product()
    }

    fn origin(&self) -> &str {
        self.account().road.origin()
    }

    fn check(&self) -> ports::Future<'_, Vec<ServiceCheck>> {
        Box::pin(self.checks())
    }
}

impl<R: Rooms> Chat for R {
    fn limits(&self) -> ChatLimits {
        R::LIMITS
    }

    fn has_channels(&self) -> bool {
        true
    }

    fn channel_name(&self, wanted: &str) -> Result<String, String> {
        plain_name(wanted, R::LIMITS.name)
    }

    fn view<'a>(&'a self, channel: &'a str) -> ports::Future<'a, Result<ChannelView, Fault>> {
        Box::pin(async move {
            let look = async { self.look(&*self.identity().await?, channel).await };
            heeded(self, look.await).map_err(|trouble| trouble.error.fault)
        })
    }
}

impl<R: Rooms> Courier for R {
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> ports::Future<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move { Ok(heeded(self, send(self, cleared).await)?) })
    }
}
