//! The pages that list what the code has, held against the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use credledger::ops::config::MEMBERS;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The rows of a page's tables whose first cell is one word in backticks: that word, and the other cells.
fn rows(page: &str) -> Vec<(String, Vec<String>)> {
    let cells = |line: &str| -> Vec<String> {
        // A bare `<` would begin a tag.
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace("\\<", "<")).collect()
    };
    let rows = page.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.map(|cells| (cells[0].trim_matches('`').to_owned(), cells[1..].to_vec())).collect()
}

#[test]
fn the_readme_lists_each_setting_as_the_command_line_explains_it() {
    let listed: Vec<(String, String)> = rows(&read("README.md"))
        .into_iter()
        .map(|(flag, cells)| match cells[1].as_str() {
            "" => (flag, cells[0].clone()),
            default => (flag, format!("{} [{default}]", cells[0])),
        })
        .collect();
    let members: Vec<(String, String)> =
        MEMBERS.iter().map(|member| (format!("--{}", member.name), member.help.to_owned())).collect();
    assert_eq!(listed, members);
}

#[test]
fn each_metric_is_explained_and_no_other() {
    let explained: BTreeSet<String> =
        rows(&read("docs/METRICS.md")).into_iter().map(|(name, _)| name).collect();
    let source = ["metrics", "served", "workings"].map(|file| read(&format!("src/http/{file}.rs"))).concat();
    let part_of_a_name = |character: char| character.is_ascii_lowercase() || character == '_';
    let names: BTreeSet<String> = source
        .split(|character| !part_of_a_name(character))
        .filter(|word| word.starts_with("credledger_"))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 5, "the metrics were not found: {names:?}");
    assert_eq!(explained, names);
}

/// Every path that a page names is there, and in it the test that may be named behind `::`.
#[test]
fn no_page_points_to_a_file_that_is_gone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    for folder in ["docs", "docs/decisions"] {
        let entries = fs::read_dir(root.join(folder)).expect("a folder").flatten();
        pages.extend(
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|is| is == "md")),
        );
    }
    assert!(pages.len() > 8, "the pages were not found");
    for page in pages {
        let text = fs::read_to_string(&page).expect("readable");
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let target = page.parent().expect("in a folder").join(link.split('#').next().unwrap_or(link));
            assert!(target.exists(), "{}: {link}", page.display());
        }
        let code = text.split('`').skip(1).step_by(2);
        let paths = code.filter(|word| {
            ["src/", "tests/", "schema/", "projections/", "scripts/", "docs/"]
                .iter()
                .any(|room| word.starts_with(room))
        });
        for named in paths.filter(|path| !path.contains(['<', '*', '…', ' ', '{'])) {
            let (path, test) = named.split_once("::").unwrap_or((named, ""));
            let target = root.join(path);
            assert!(target.exists(), "{}: {path}", page.display());
            if !test.is_empty() {
                let text = fs::read_to_string(&target).expect("a source");
                assert!(text.contains(&format!("fn {test}(")), "{}: {named}", page.display());
            }
        }
    }
}
