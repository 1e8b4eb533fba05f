//! What passes a test and what does not: boundaries, windows, nothing at all, and what is no number.

use crate::runbook::parameter::Value;
use crate::runbook::run::judge::{Series, judge, judge_count, number};
use crate::runbook::run::work::{Outcome, Test};

fn test(expression: &str) -> Test {
    Test { expression: expression.into(), values: [].into(), hold: None, empty_passes: false }
}

fn series(labels: &str, samples: &[f64]) -> Series {
    Series { labels: labels.into(), samples: samples.to_vec() }
}

/// `+` or `-` for passed or failed, and the line.
fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed { detail, .. } => format!("+ {detail}"),
        Outcome::Failed { detail, .. } => format!("- {detail}"),
        other => panic!("{other:?}"),
    }
}

fn value(outcome: &Outcome) -> Option<Value> {
    match outcome {
        Outcome::Passed { output, .. } | Outcome::Failed { output, .. } => output.value.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_is_not_below_itself() {
    let cases = [
        ("value < 0.01", 0.0099, "+ 0.0099: value < 0.01"),
        ("value < 0.01", 0.01, "- 0.0100, wanted value < 0.01"),
        ("value <= 0.01", 0.01, "+ 0.0100: value <= 0.01"),
        ("value == 0", -0.0, "+ 0: value == 0"),
        ("value >= 1 and value < 3", 3.0, "- 3, wanted value >= 1 and value < 3"),
        ("value < 100", f64::INFINITY, "- inf, wanted value < 100"),
        ("value > 0", f64::NEG_INFINITY, "- -inf, wanted value > 0"),
        ("count == 1 and values[0] == 2", 2.0, "+ 2: count == 1 and values[0] == 2"),
    ];
    for (expression, sample, wanted) in cases {
        assert_eq!(told(&judge(Some(&test(expression)), &[series("", &[sample])])), wanted);
    }
    // What cannot be asked is a failure with its reason, never a pass.
    let wrong = told(&judge(Some(&test("valu < 1")), &[series("", &[0.0])]));
    assert!(wrong.starts_with("- ") && wrong.contains("undefined"), "{wrong}");
}

#[test]
fn over_a_window_every_sample_of_every_series_has_to_pass() {
    let hold = Test { hold: Some(120), ..test("value < 1") };
    let told = |all: &[Series]| told(&judge(Some(&hold), all));
    assert_eq!(told(&[series("", &[0.5, 0.9, 0.1])]), "+ 0.1000: value < 1 for 120s");
    assert_eq!(told(&[series("", &[0.5, 1.0, 0.1])]), "- 1, wanted value < 1 for 120s", "it was well only at the end");
    let many = [series("a", &[0.0, 0.0]), series("b", &[2.0, 3.0]), series("c", &[0.0, 4.0])];
    assert_eq!(told(&many), "- b 2 and 1 more, wanted value < 1 for 120s");
    assert_eq!(told(&[many[0].clone(), many[0].clone()]), "+ 2 series: value < 1 for 120s");
    // What is captured and shown is the newest sample of the first series.
    let outcome = judge(Some(&hold), &many);
    assert_eq!(value(&outcome), Some(Value::Number(0.0)));
    let Outcome::Failed { output, .. } = outcome else { panic!() };
    assert_eq!(output.text.lines().map(str::trim).collect::<Vec<_>>(), ["0  a", "3  b", "4  c"]);
}

#[test]
fn no_data_fails_unless_that_is_a_pass() {
    let strict = test("value < 1");
    let lenient = Test { empty_passes: true, ..strict.clone() };
    let nothing: [&[Series]; 3] = [&[], &[series("", &[])], &[series("", &[f64::NAN, f64::NAN])]];
    for all in nothing {
        assert_eq!(told(&judge(Some(&strict), all)), "- no data");
        assert_eq!(told(&judge(Some(&lenient), all)), "+ no data, which is a pass here");
        assert_eq!(value(&judge(Some(&strict), all)), None, "a record could not hold it");
    }
    assert_eq!(told(&judge(None, &[])), "+ no data");
    // One that has none fails among others that have; where nothing is a pass the others still count.
    let some = [series("a", &[f64::NAN]), series("b", &[0.5])];
    assert_eq!(told(&judge(Some(&strict), &some)), "- no data of a");
    assert_eq!(told(&judge(Some(&lenient), &some)), "+ 0.5000: value < 1");
    assert_eq!(
        told(&judge(Some(&lenient), &[series("a", &[f64::NAN]), series("b", &[2.0])])),
        "- b 2, wanted value < 1"
    );
    // Between numbers it is a gap, whatever is asked.
    for expression in ["value < 1", "value > -1", "value != 3"] {
        let hold = Test { hold: Some(60), ..test(expression) };
        let outcome = judge(Some(&hold), &[series("", &[0.5, f64::NAN, 0.5])]);
        assert!(matches!(outcome, Outcome::Passed { .. }), "{expression}: {outcome:?}");
    }
}

#[test]
fn lines_are_counted() {
    let count = |expression, lines| judge_count(Some(&test(expression)), lines, String::new());
    assert_eq!(told(&count("count < 10", 9)), "+ 9 lines: count < 10");
    assert_eq!(told(&count("count < 10", 10)), "- 10 lines, wanted count < 10");
    assert_eq!(told(&count("value == 0", 0)), "+ 0 lines: value == 0", "no line is a number of lines");
    assert_eq!(told(&judge_count(None, 1, String::new())), "+ 1 line");
    assert_eq!(value(&count("count < 10", 9)), Some(Value::Integer(9)));
}

#[test]
fn parameters_are_numbers_in_a_test_where_they_are() {
    let limit = |text: &str| Test { values: [("limit".to_owned(), text.to_owned())].into(), ..test("value < limit") };
    let told = |text: &str| told(&judge(Some(&limit(text)), &[series("", &[9.0])]));
    assert_eq!(told("10"), "+ 9: value < limit", "as text 10 would come before 9");
    assert_eq!(told("9.0"), "- 9, wanted value < limit");
}

#[test]
fn numbers_have_as_many_digits_as_one_reads() {
    let shown = [0.0, 3.0, -2.0, 12.345, 0.01234, 0.000_096_3, -0.000_000_012, 4e-17, 1e20, f64::NAN].map(number);
    let wanted =
        ["0", "3", "-2", "12.35", "0.0123", "0.000096", "-0.000000012", "almost 0", "100000000000000000000", "NaN"];
    assert_eq!(shown, wanted);
    assert_eq!([-0.0, f64::INFINITY].map(number), ["0", "inf"]);
}
