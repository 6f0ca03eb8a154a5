//! A small transformer: ONNX with int8 weights, read by rten. A few milliseconds a text.

use std::num::NonZero;
use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use tokenizers::{Tokenizer, TruncationParams};

use super::Side;

/// Longest text that is read, in tokens.
const TOKENS: usize = 256;

/// How the vectors of a text's words become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// The first one's, which stands for the whole.
    First,
}

/// What stands in front of a text, so that the model knows its side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prompts {
    /// Of a question.
    pub(super) asked: String,
    /// Of what is kept.
    pub(super) kept: String,
}

/// A transformer.
pub(super) struct Onnx {
    model: Model,
    tokenizer: Tokenizer,
    inputs: Vec<(NodeId, Input)>,
    output: NodeId,
    pooling: Pooling,
    prompts: Prompts,
    dimension: usize,
    threads: Arc<ThreadPool>,
}

/// What the model wants to know of a text.
#[derive(Debug, Clone, Copy)]
enum Input {
    Tokens,
    Mask,
    Types,
}

impl Onnx {
    /// From its files; one text is read, so that what is given is known to work.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn of(
        tokenizer: &[u8],
        model: Vec<u8>,
        pooling: Pooling,
        prompts: Prompts,
    ) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_bytes(tokenizer)
            .map_err(|error| format!("tokenizer.json is none ({error})"))?;
        let cut = TruncationParams {
            max_length: TOKENS,
            ..TruncationParams::default()
        };
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(cut))
            .map_err(|error| error.to_string())?;
        let model = Model::load(model)
            .map_err(|error| format!("the ONNX file cannot be read ({error})"))?;
        let inputs = inputs(&model)?;
        let output = [
            "last_hidden_state",
            "token_embeddings",
            "sentence_embedding",
        ];
        let output = output.into_iter().find_map(|name| model.find_node(name));
        let output = output.or_else(|| model.output_ids().first().copied());
        let output = output.ok_or("the ONNX file gives nothing")?;
        // Half of the cores: whoever searches waits for it, but others work here too.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut onnx = Self {
            model,
            tokenizer,
            inputs,
            output,
            pooling,
            prompts,
            dimension: 0,
            threads: Arc::new(ThreadPool::with_num_threads(cores.div_ceil(2))),
        };
        onnx.dimension = onnx.embed("a word", Side::Kept)?.len();
        match onnx.dimension {
            0 => Err("the ONNX file gives vectors without numbers".to_owned()),
            _ => Ok(onnx),
        }
    }

    /// How many numbers a vector has.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// What a text means.
    ///
    /// # Errors
    /// The model does not do what its kind does.
    pub(super) fn embed(&self, text: &str, side: Side) -> Result<Vec<f32>, String> {
        let prompt = match side {
            Side::Asked => &self.prompts.asked,
            Side::Kept => &self.prompts.kept,
        };
        let text = format!("{prompt}{text}");
        let tokens = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| format!("tokenizer.json cannot read a text ({error})"))?;
        let count = tokens.len();
        if count == 0 {
            return Ok(vec![0.0; self.dimension]);
        }
        let row = |numbers: &[u32]| {
            let numbers = numbers
                .iter()
                .map(|one| i32::try_from(*one).unwrap_or_default());
            NdTensor::from_data([1, count], numbers.collect::<Vec<_>>())
        };
        let inputs = self.inputs.iter().map(|(node, input)| {
            let numbers = match input {
                Input::Tokens => tokens.get_ids(),
                Input::Mask => tokens.get_attention_mask(),
                Input::Types => tokens.get_type_ids(),
            };
            (*node, row(numbers).into())
        });
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let given = self
            .model
            .run(inputs.collect(), &[self.output], Some(options));
        let given = given.map_err(|error| format!("the ONNX file cannot be run ({error})"))?;
        let given = given
            .into_iter()
            .next()
            .ok_or("the ONNX file gives nothing")?;
        self.pooled(given, tokens.get_attention_mask())
    }

    fn pooled(&self, given: Value, mask: &[u32]) -> Result<Vec<f32>, String> {
        let odd = || "the ONNX file gives something else than a vector for each token".to_owned();
        let given: Tensor<f32> = given.try_into().map_err(|_| odd())?;
        let shape = given.shape().to_vec();
        let numbers = given.to_vec();
        let (tokens, dimension) = match shape[..] {
            // It has pooled already.
            [1, _] => return Ok(numbers),
            [1, tokens, dimension] if tokens == mask.len() && dimension > 0 => (tokens, dimension),
            _ => return Err(odd()),
        };
        if self.pooling == Pooling::First {
            return Ok(numbers[..dimension].to_vec());
        }
        let mut mean = vec![0.0; dimension];
        for (at, row) in numbers.chunks_exact(dimension).enumerate().take(tokens) {
            if mask.get(at) == Some(&1) {
                mean.iter_mut()
                    .zip(row)
                    .for_each(|(mean, one)| *mean += one);
            }
        }
        // Only the direction counts; the length is made one later.
        Ok(mean)
    }
}

fn inputs(model: &Model) -> Result<Vec<(NodeId, Input)>, String> {
    let named = model.input_ids().iter().map(|node| {
        let info = model.node_info(*node);
        let name = info.as_ref().and_then(|info| info.name()).unwrap_or_default();
        let input = match name {
            "input_ids" => Input::Tokens,
            "attention_mask" => Input::Mask,
            "token_type_ids" => Input::Types,
            other => {
                return Err(format!(
                    "the ONNX file wants an input \"{other}\"; those of sentence models are input_ids, attention_mask and token_type_ids"
                ));
            }
        };
        Ok((*node, input))
    });
    let named = named.collect::<Result<Vec<_>, _>>()?;
    match named
        .iter()
        .any(|(_, input)| matches!(input, Input::Tokens))
    {
        true => Ok(named),
        false => Err("the ONNX file takes no tokens (input_ids)".to_owned()),
    }
}
