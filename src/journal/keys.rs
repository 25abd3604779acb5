//! Numbers for the names of attributes, so that a record need not spell them.

use std::sync::OnceLock;

use crate::semconv::attribute;

/// The names that have a number: their place in this list, from 1. New names are added at the end and none is ever
/// moved or removed, since the journals of older versions are written with these numbers. A name without a number is
/// written out.
const NAMES: [&str; 67] = [
    attribute::OPERATION_NAME,
    attribute::PROVIDER_NAME,
    attribute::REQUEST_MODEL,
    attribute::REQUEST_STREAM,
    attribute::REQUEST_MAX_TOKENS,
    attribute::REQUEST_TEMPERATURE,
    attribute::REQUEST_TOP_P,
    attribute::REQUEST_TOP_K,
    attribute::REQUEST_FREQUENCY_PENALTY,
    attribute::REQUEST_PRESENCE_PENALTY,
    attribute::REQUEST_STOP_SEQUENCES,
    attribute::REQUEST_SEED,
    attribute::REQUEST_CHOICE_COUNT,
    attribute::REQUEST_REASONING_LEVEL,
    attribute::REQUEST_PREVIOUS_RESPONSE_ID,
    attribute::REQUEST_ENCODING_FORMATS,
    attribute::EMBEDDINGS_DIMENSION_COUNT,
    attribute::OUTPUT_TYPE,
    attribute::CONVERSATION_ID,
    attribute::PROMPT_NAME,
    attribute::PROMPT_VERSION,
    attribute::RESPONSE_ID,
    attribute::RESPONSE_MODEL,
    attribute::RESPONSE_FINISH_REASONS,
    attribute::RESPONSE_TIME_TO_FIRST_CHUNK,
    attribute::USAGE_INPUT_TOKENS,
    attribute::USAGE_OUTPUT_TOKENS,
    attribute::USAGE_CACHE_READ_TOKENS,
    attribute::USAGE_CACHE_WRITE_TOKENS,
    attribute::USAGE_CACHE_CREATION_TOKENS,
    attribute::USAGE_REASONING_TOKENS,
    attribute::USAGE_TEXT_INPUT_TOKENS,
    attribute::USAGE_IMAGE_INPUT_TOKENS,
    attribute::USAGE_AUDIO_INPUT_TOKENS,
    attribute::USAGE_TEXT_CACHE_READ_TOKENS,
    attribute::USAGE_IMAGE_CACHE_READ_TOKENS,
    attribute::USAGE_AUDIO_CACHE_READ_TOKENS,
    attribute::USAGE_TEXT_OUTPUT_TOKENS,
    attribute::USAGE_IMAGE_OUTPUT_TOKENS,
    attribute::USAGE_AUDIO_OUTPUT_TOKENS,
    attribute::USAGE_COST,
    attribute::OPENAI_API_TYPE,
    attribute::OPENAI_REQUEST_SERVICE_TIER,
    attribute::OPENAI_RESPONSE_SERVICE_TIER,
    attribute::OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
    attribute::AWS_BEDROCK_GUARDRAIL_ID,
    attribute::ERROR_TYPE,
    attribute::SERVER_ADDRESS,
    attribute::SERVER_PORT,
    attribute::HTTP_RESPONSE_STATUS_CODE,
    attribute::USER_ID,
    attribute::CLIENT_ADDRESS,
    attribute::SERVICE_NAME,
    attribute::SERVICE_INSTANCE_ID,
    attribute::REQUEST_HASH,
    attribute::KEY_FINGERPRINT,
    attribute::OUTCOME,
    attribute::USAGE_SOURCE,
    attribute::COST_STATUS,
    attribute::COST_PRICE_SOURCE,
    attribute::SERVICE_TIER,
    attribute::UNPARSED,
    attribute::COST_COMPUTED,
    attribute::COST_FACTORS,
    attribute::USAGE_TOTAL_TOKENS,
    attribute::USAGE_UNPARSED,
    attribute::RESPONSE_FETCHED,
];

/// Slots of the table by hash: four for each name, so that few share one.
const SLOTS: usize = 256;

/// The number of a name.
pub(super) fn number(name: &str) -> Option<u8> {
    let slots = slots();
    let mut slot = hash(name);
    loop {
        let number = slots[slot];
        if number == 0 {
            return None;
        }
        if NAMES[usize::from(number) - 1] == name {
            return Some(number);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// The name of a number.
pub(super) fn name(number: u8) -> Option<&'static str> {
    NAMES.get(usize::from(number).checked_sub(1)?).copied()
}

fn slots() -> &'static [u8; SLOTS] {
    static TABLE: OnceLock<[u8; SLOTS]> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut slots = [0; SLOTS];
        for (place, name) in NAMES.iter().enumerate() {
            let mut slot = hash(name);
            while slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = place as u8 + 1;
        }
        slots
    })
}

/// By length and the last eight bytes, in which these names differ most.
fn hash(name: &str) -> usize {
    let tail = name.as_bytes().last_chunk::<8>().map_or(0, |tail| u64::from_le_bytes(*tail));
    let mixed = (tail ^ (name.len() as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_number_and_no_other_has_one() {
        for (place, name) in NAMES.iter().enumerate() {
            assert_eq!(
                number(name),
                Some(place as u8 + 1),
                "{name} is listed twice, or the list is too long"
            );
            assert_eq!(super::name(place as u8 + 1), Some(*name));
        }
        assert_eq!([number(""), number("user"), number("gen_ai.request.models")], [None; 3]);
        assert_eq!([super::name(0), super::name(NAMES.len() as u8 + 1)], [None; 2]);
    }

    #[test]
    fn no_number_has_moved() {
        let fixed = [
            (1, "gen_ai.operation.name"),
            (22, "gen_ai.response.id"),
            (41, "gen_ai.usage.cost"),
            (51, "user.id"),
            (62, "spanledger.unparsed"),
        ];
        fixed.iter().for_each(|(number, text)| assert_eq!(name(*number), Some(*text)));
    }
}
