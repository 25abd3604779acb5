mod evaluator;
mod runner;
mod state_file;

use std::sync::Arc;

use crate::alert::State;
use crate::evaluate::evaluator::{Evaluator, RuleStatus};
use crate::record::{CallRecord, Timestamp};
use crate::rule::RuleName;
use crate::rule::tests::*;
use crate::store::memory::MemoryStore;

pub(crate) use evaluator::Broken;
