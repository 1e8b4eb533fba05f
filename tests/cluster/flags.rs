//! Feature flags: the lab's Unleash and the real one answer alike, and the console works on both.

use serde_json::json;

use crate::stack::{Stack, Unleash};
use crate::{Body, Case};

pub const CASES: &[Case] = &[Case::new("unleash_knows_its_people_and_what_they_may", Body::Stack(people))];

/// The stack has one.
fn server(stack: &Stack) -> &Unleash {
    stack.flags.as_ref().unwrap()
}

fn people(stack: &Stack) {
    let unleash = server(stack);
    let flag = json!({"name": "people", "type": "release"});
    let create = "/api/admin/projects/default/features";
    let (refused, why) = unleash.ask("POST", create, unleash.token("viewer"), Some(&flag)).unwrap();
    assert_eq!((refused, &why["permissions"]), (403, &json!(["CREATE_FEATURE"])));
    assert_eq!(unleash.ask("POST", create, unleash.token("editor"), Some(&flag)).unwrap().0, 201);
    let on = "/api/admin/projects/default/features/people/environments/production/on";
    let (refused, why) = unleash.ask("POST", on, unleash.token("viewer"), None).unwrap();
    assert_eq!((refused, &why["permissions"]), (403, &json!(["UPDATE_FEATURE_ENVIRONMENT"])));
    for token in [unleash.token("editor"), unleash.token("owner"), Unleash::admin_token()] {
        assert_eq!(unleash.ask("POST", on, token, None).unwrap().0, 200);
    }
}
