use super::*;
use crate::provider::read::usage::Tallied;
use crate::usage::Modality;

fn usage(text: &str) -> Usage {
    let tallied: Tallied<'_, OpenAi> = serde_json::from_str(text).unwrap();
    tallied.as_ref().map(super::usage).unwrap_or_default()
}

#[test]
fn reads_totals_and_all_subsets() {
    let all = usage(
        r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
        "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10,"text_tokens":80,"audio_tokens":20,
            "cached_tokens_details":{"text_tokens":50,"audio_tokens":10}},
        "completion_tokens_details":{"reasoning_tokens":30,"text_tokens":40,"audio_tokens":10,"image_tokens":null}}"#,
    );
    assert_eq!((all.input_tokens, all.output_tokens), (Some(100), Some(50)));
    assert_eq!((all.cache_read_tokens, all.cache_write_tokens), (Some(60), Some(10)));
    assert_eq!(all.reasoning_tokens, Some(30));
    assert_eq!(all.input_modality, Modality { text: Some(80), image: None, audio: Some(20) });
    assert_eq!(all.output_modality, Modality { text: Some(40), image: None, audio: Some(10) });
    assert_eq!(all.cache_read_modality, Modality { text: Some(50), image: None, audio: Some(10) });
}

#[test]
fn keeps_absent_apart_from_zero() {
    let zeros = usage(r#"{"prompt_tokens":0,"completion_tokens":0,"prompt_tokens_details":null}"#);
    assert_eq!((zeros.input_tokens, zeros.output_tokens), (Some(0), Some(0)));
    assert_eq!((zeros.cache_read_tokens, zeros.reasoning_tokens), (None, None));
    assert_eq!(usage("{}"), Usage::default());
    assert_eq!(usage(r#"{"prompt_tokens":true,"completion_tokens":-1}"#), Usage::default());
}

#[test]
fn knows_the_other_names_of_cached_tokens() {
    for member in ["cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens"]
    {
        let usage = usage(&format!(r#"{{"prompt_tokens":9,"{member}":5}}"#));
        assert_eq!(usage.cache_read_tokens, Some(5), "{member}");
    }
    assert_eq!(
        usage(r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":5}}"#).cache_read_tokens,
        Some(5)
    );
    assert_eq!(usage(r#"{"prompt_tokens":9,"cache_creation_input_tokens":4}"#).cache_write_tokens, Some(4));
}

#[test]
fn adds_reasoning_to_the_output_only_where_the_total_says_so() {
    let count = |completion: u64, total: u64| {
        let details = r#""completion_tokens_details":{"reasoning_tokens":20}"#;
        usage(&format!(
            r#"{{"prompt_tokens":10,"completion_tokens":{completion},"total_tokens":{total},{details}}}"#
        ))
        .output_tokens
    };
    assert_eq!(count(5, 35), Some(25), "beside");
    assert_eq!(count(25, 35), Some(25), "within");
    assert_eq!(count(5, 99), Some(5), "a total that fits neither changes nothing");
}
