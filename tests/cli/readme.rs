//! The README's tour, done as it says, against a fresh service.

use crate::support::service::Service;
use crate::tour;

#[test]
fn the_tour_goes_as_the_readme_says() {
    let service = Service::start();
    let token = service.root().token.expect("root has a token");
    let steps = tour::steps(include_str!("../../README.md"), "A five-minute tour");
    assert!(steps.len() >= 6, "the tour was not found");
    let stand_ins =
        [("http://127.0.0.1:8080", &*service.url()), ("TOKEN=cl_operator_…", &format!("TOKEN={token}"))];
    tour::goes(&steps, &stand_ins, service.folder());
}
