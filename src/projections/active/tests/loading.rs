//! The view from rows: sound ones make it whole, others are refused by name.

use super::*;

#[test]
fn a_row_that_was_changed_copied_or_forged_is_refused_by_name() {
    let world = one_credential();
    for row in world.rows.values() {
        let sound = row.mac(&world.vault);
        let foreign = row.mac(&Vault::new(&crate::vault::MasterKeys::for_tests(&[7])));
        let moved = crate::ledger::InlineRow { tenant: Some(tenant_id(77)), ..row.clone() };
        let copied = crate::ledger::InlineRow { id: uuid::Uuid::from_u128(5), ..row.clone() };
        let older = crate::ledger::InlineRow { version: row.version + 1, ..row.clone() };
        let mut widened = row.clone();
        widened.record.push(0);
        let forgeries =
            [(&moved, &sound), (&copied, &sound), (&older, &sound), (&widened, &sound), (row, &foreign)];
        for (row, mac) in forgeries {
            let view = ActiveView::new().expect("room");
            let mut loader = Loader::new(&view).expect("empty");
            let error = loader.row(&world.vault, &stored(row, mac, None)).expect_err("refused");
            assert_eq!((error.projection.as_str(), error.id), (row.projection, row.id));
            drop(loader);
            assert!(view.is_stopped());
        }
    }
}

#[test]
fn a_view_is_loaded_once_and_only_whole() {
    let world = one_credential();
    assert!(Loader::new(&world.applied()).is_none());
    let view = ActiveView::new().expect("room");
    let mut loader = Loader::new(&view).expect("empty");
    for row in world.rows.values().filter(|row| row.projection == "tenants") {
        loader.row(&world.vault, &stored(row, &row.mac(&world.vault), None)).expect("sound");
    }
    for row in world.rows.values().filter(|row| row.projection == "credentials") {
        loader.row(&world.vault, &stored(row, &row.mac(&world.vault), row.name.as_deref())).expect("sound");
    }
    assert!(loader.finish(1, at(0)).is_err(), "its secrets are missing");
    assert!(view.is_stopped());
}

#[test]
fn a_name_that_was_not_given_is_refused_and_an_erased_one_is_none() {
    let world = one_credential();
    let named: Vec<_> = world.rows.values().filter(|row| row.name.is_some()).collect();
    assert!(named.iter().any(|row| row.projection == "credentials"));
    assert!(named.iter().any(|row| row.projection == "operators"));
    for row in named {
        let (mac, name) = (row.mac(&world.vault), row.name.as_deref());
        let unnamed = crate::ledger::InlineRow { name: None, ..row.clone() };
        let older = crate::ledger::InlineRow { version: row.version + 1, ..row.clone() };
        let bare = unnamed.mac(&world.vault);
        let borrowed = [&bare[..], &older.mac(&world.vault)[bare.len()..]].concat();
        let forged = format!("{} ", name.unwrap_or_default());
        // A name that no erasure took leaves its mac behind.
        for (name, mac) in [(Some(&*forged), &mac), (name, &bare), (name, &borrowed), (None, &mac)] {
            let refused = stored(row, mac, name).check(&world.vault).expect_err("refused");
            assert_eq!((refused.projection.as_str(), refused.id), (row.projection, row.id));
        }
        for (name, mac) in [(name, &mac), (None, &bare)] {
            assert_eq!(stored(row, mac, name).check(&world.vault), Ok(()));
        }
    }
}
