"""What no schema can say, said to schemathesis: it is put right in what shall be accepted. What shall be refused stays as it is."""

import copy

import schemathesis

# No schema knows what time it is.
LATER = "2999-01-01T00:00:00Z"


def lasting(body):
    """What is kept until a time is kept until a time to come."""
    for one in body.get("interactions", [body]):
        if one.get("expires_at") is not None:
            one["expires_at"] = LATER


def some_filter(body):
    """A filter that says nothing never means everything, whether its members are left out or null; and only turns go by one."""
    filters = body["filters"]
    if filters.get("kind") is not None:
        filters["kind"] = "interaction"
    if all(value is None or name == "kind" for name, value in filters.items()):
        filters["session"] = "s"


def one_session(body):
    """A session is said once."""
    if body.get("session") is not None and (body.get("filters") or {}).get("session") is not None:
        del body["session"]


def some_words(body):
    """A sentence has a word, and what began has begun before it ended."""
    if body.get("text") is not None and not any(c.isascii() and c.isalnum() for c in body["text"]):
        body["text"] = "cello " + body["text"][:290]
    if body.get("valid_until") is not None:
        body["valid_until"] = LATER


def one_way(query):
    """Pages of the newest go back, and those of the oldest on; and the metadata are JSON in a text."""
    query.pop("before" if query.get("order") == "oldest" else "after", None)
    if query.get("metadata") is not None:
        query["metadata"] = '{"order":7}'


def whole(value):
    """A whole number is written as one: to a schema 10.0 is an integer too."""
    if isinstance(value, dict):
        return {name: whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    # Further on a double is not exact, and its digits are not the same number.
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else value


BODIES = {
    "memory.interactions.add": lasting,
    "memory.interactions.change": lasting,
    "memory.interactions.delete_matching": some_filter,
    "memory.context": one_session,
    "memory.facts.add": some_words,
    "memory.facts.mend": some_words,
}
QUERIES = {"memory.interactions.list": one_way}


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    operation = case.operation.definition.raw.get("operationId")
    if isinstance(case.body, dict):
        body = whole(copy.deepcopy(case.body))
        BODIES.get(operation, lambda body: None)(body)
        # As they are written: 10 and 10.0 are the same number.
        if repr(body) != repr(case.body):
            case.body = body
    if operation in QUERIES and case.query:
        query = dict(case.query)
        QUERIES[operation](query)
        if query != case.query:
            case.query = query
