//! Lines of an endless answer, with a bound on their length.

use std::io;

use futures::stream::{self, BoxStream, StreamExt};
use futures::{AsyncBufRead, AsyncBufReadExt};

/// Splits at `\n`. What goes beyond `longest` bytes of a line is dropped. With `keep_partial`, a last line without its
/// `\n` counts; without, it is dropped as torn. The stream ends at the end or after an error.
pub fn lines<R>(reader: R, longest: usize, keep_partial: bool) -> BoxStream<'static, io::Result<Vec<u8>>>
where
    R: AsyncBufRead + Send + 'static,
{
    stream::unfold(Some(Box::pin(reader)), move |reader| async move {
        let mut reader = reader?;
        let mut line = Vec::new();
        loop {
            let buffer = match reader.fill_buf().await {
                Ok(buffer) => buffer,
                Err(error) => return Some((Err(error), None)),
            };
            if buffer.is_empty() {
                return (keep_partial && !line.is_empty()).then_some((Ok(line), None));
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            line.extend_from_slice(&part[..part.len().min(longest - line.len())]);
            let used = part.len() + usize::from(end.is_some());
            reader.as_mut().consume_unpin(used);
            if end.is_some() {
                return Some((Ok(line), Some(reader)));
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::io::{BufReader, Cursor};

    #[tokio::test]
    async fn long_lines_are_cut_and_torn_ones_dropped() {
        let read = async |keep| {
            let reader = BufReader::with_capacity(3, Cursor::new("ab\n\nabcdefgh\nxy"));
            lines(reader, 5, keep).map(|line| String::from_utf8(line.unwrap()).unwrap()).collect::<Vec<_>>().await
        };
        assert_eq!(read(false).await, ["ab", "", "abcde"]);
        assert_eq!(read(true).await, ["ab", "", "abcde", "xy"]);
    }
}
