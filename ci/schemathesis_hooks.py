"""What a valid request needs beyond its form, which the description can't say: a category that exists, a currency that
is in use, a cursor that the store has made, whole numbers without a point (to JSON Schema 12.0 is one too). Requests
that are meant to be wrong are left as they are."""

import os

import schemathesis
from schemathesis.generation.modes import GenerationMode

CATEGORY = os.environ["STORE_TRY_CATEGORY"]
PRODUCT = os.environ["STORE_TRY_PRODUCT"]
# Accounts that this run is signed in with; a case that switched one off would end all cases after it.
ACCOUNTS = os.environ["STORE_TRY_ACCOUNTS"].split()
SOMEBODY = os.environ["STORE_TRY_SOMEBODY"]


def plain(value):
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def before_call(context, case, kwargs):
    if (case.path_parameters or {}).get("user_id") in ACCOUNTS:
        case.path_parameters["user_id"] = SOMEBODY
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    # No schema can tell a cursor of the store's from another text, nor that it excludes an offset.
    if case.query:
        case.query.pop("cursor", None)
    case.body = body = plain(case.body)
    if not isinstance(body, dict):
        return
    if "category" in body:
        body["category"] = CATEGORY
    if body.get("parent_id") is not None:
        body["parent_id"] = CATEGORY if "category_id" not in (case.path_parameters or {}) else None
    price = body.get("price")
    if isinstance(price, dict):
        if "currency" in price:
            price["currency"] = "RUB"
        if "amount" in price:
            whole, _, decimals = price["amount"].partition(".")
            price["amount"] = whole + ("." + decimals[:2] if decimals else "")
    # Longer orders keep their products, which nobody sells: 409 is to be seen too.
    lines = body.get("items") or []
    if len(lines) <= 3:
        for line in lines:
            line["product_id"] = PRODUCT
