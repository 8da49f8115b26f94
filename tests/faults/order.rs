//! P2: one dense order, however many write.

use std::collections::BTreeSet;

use serde_json::json;

use crate::library;
use crate::random::rounds;
use crate::rebuild::assert_equal_to_a_rebuild;
use crate::support::service::Service;

const WRITERS: u64 = 16;

#[test]
fn p2_sixteen_writers_are_answered_positions_that_are_distinct_and_dense() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("busy", json!({}));
    let first = root.get("/readyz").expect(200)["position"].as_u64().expect("a position") + 1;
    let each = rounds(25, 500);
    let answered: Vec<u64> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (own, tenant) = (service.root(), &tenant.id);
                scope.spawn(move || {
                    let path = format!("/api/admin/v1/tenants/{tenant}/keys");
                    let key = own.post(&path, &json!({"name": format!("writer {writer}")})).expect(201);
                    let path = format!("{path}/{}", key["key"]["id"].as_str().expect("an id"));
                    let mut positions = vec![key["position"].as_u64().expect("a position")];
                    for edit in 1..each {
                        let edited = own.patch(&path, &json!({"description": format!("edit {edit}")}));
                        positions.push(edited.expect(200)["position"].as_u64().expect("a position"));
                    }
                    assert!(positions.is_sorted(), "one writer's own follow each other: {positions:?}");
                    positions
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    });
    let distinct: BTreeSet<u64> = answered.iter().copied().collect();
    let all = WRITERS * each;
    assert_eq!(distinct.len() as u64, all, "no position was answered twice");
    assert!(distinct.iter().copied().eq(first..first + all), "dense from {first}: {distinct:?}");
    assert_eq!(root.get("/readyz").expect(200)["position"], first + all - 1);
    assert_eq!(library::block_on(library::whole_ledger(&service)).len() as u64, first + all);
    assert_equal_to_a_rebuild(&service);
}
