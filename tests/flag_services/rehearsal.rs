//! A dry run needs no pass, so it must never be able to change anything.

use opsdeck::integrations::http::{self, HttpSettings, JSON, Product, Rehearsal};
use opsdeck::ports::feed::FaultKind;
use wiremock::matchers::{method, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn a_rehearsal_is_marked_as_one_and_goes_to_no_product_that_would_carry_it_out() {
    let server = MockServer::start().await;
    let marked = Mock::given(method("PATCH")).and(query_param("dryRun", "true"));
    marked.respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
    let settings = crate::world::source(opsdeck::config::settings::FlagProduct::LaunchDarkly, &server.uri(), "t").http;
    let road = |product| http::connect(&HttpSettings::new(product, server.uri(), settings.clone()));
    let rehearsal = |path| Rehearsal { path, content_type: JSON, body: b"{}" };
    assert_eq!(road(Product::LaunchDarkly).rehearse(rehearsal("/x")).await.unwrap().status, 200);
    // A query of the caller's could take the mark back.
    let error = road(Product::LaunchDarkly).rehearse(rehearsal("/x?dryRun=false")).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::NotServed);
    for product in [Product::Unleash, Product::Flagsmith, Product::Alertmanager, Product::Prometheus] {
        let error = road(product).rehearse(rehearsal("/x")).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::NotServed, "{product:?}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
