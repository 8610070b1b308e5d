"""The words of the data: allowed values, and pools of event details that Faker builds once per process.

Belongs here: lists and their weights. Not here: which word goes into which row (`events`, `transactions`,
`users`). The allowed values repeat the platform's rules on purpose: the generator is an independent witness
and imports nothing of the platform.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from generator.randomness import Choice, Ints, zipf_weights

EVENT_TYPES = ("page_view", "click", "search", "add_to_cart", "checkout", "purchase", "login", "logout")
PAGE_VIEW, CLICK, SEARCH, ADD_TO_CART, CHECKOUT, PURCHASE, LOGIN, LOGOUT = range(len(EVENT_TYPES))
UNKNOWN_EVENT_TYPES = ("heartbeat", "swipe", "add_to_wishlist", "app_crash")

CURRENCIES = ("USD", "PEN", "EUR", "MXN", "COP", "CLP", "BRL", "ARS", "GBP")
CURRENCY_WEIGHTS = (30, 22, 12, 10, 8, 6, 6, 4, 2)
UNKNOWN_CURRENCIES = ("XXX", "BTC", "usd", "JPY")

DEVICE_TYPES = ("iOS", "Android", "Web")
DEVICE_WEIGHTS = (32, 45, 23)
COUNTRIES = ("PE", "MX", "CO", "CL", "BR", "AR", "US", "ES", "GB", "EC")
COUNTRY_WEIGHTS = (34, 15, 11, 9, 9, 7, 6, 4, 2, 3)

PAYMENT_METHODS = ("card", "wallet", "transfer")
PAGES = 400
PRODUCTS = 300
SEARCH_TERMS = 150
SPANISH_TERMS = ("teléfono", "zapatillas niño", "audífonos", "café orgánico", "computación", "pañales")


@dataclass(frozen=True)
class Details:
    """The `event_details` of every kind, as JSON texts in one list.

    `texts[first[t] : first[t] + size]` belong to event type t; within them, the draw of `choices[t]` prefers
    few.
    """

    texts: tuple[str, ...]
    first: Ints
    choices: tuple[Choice, ...]

    def draw(self, random: np.random.Generator, event_types: Ints) -> Ints:
        """An index into `texts` for each event."""
        details = np.zeros(len(event_types), dtype=np.int64)
        for event_type, choice in enumerate(self.choices):
            places = np.flatnonzero(event_types == event_type)
            details[places] = self.first[event_type] + choice.draw(random, len(places))
        return details


@lru_cache(maxsize=4)
def event_details(seed: int) -> Details:
    """Build the pools of event details. Faker is imported here: it is slow to load and needed only once."""
    from faker import Faker

    fake = Faker(["en_US", "es_MX"])
    fake.seed_instance(seed % 2**32)
    pages = [f"/page/{number}" for number in range(1, PAGES // 2 + 1)]
    pages += [f"/blog/{'-'.join(fake.words(3))}-{number}" for number in range(PAGES // 2)]
    products = [f"/product/{'-'.join(fake.words(2))}-{number}" for number in range(1, PRODUCTS + 1)]
    terms = [*SPANISH_TERMS, *(" ".join(fake.words(1 + index % 3)) for index in range(SEARCH_TERMS))]
    referrers = [None, None, None, *(f"https://www.{fake.domain_name()}/" for _ in range(40))]
    return _pooled(
        {
            PAGE_VIEW: [_page_view(page, referrers[index % 43]) for index, page in enumerate([*pages, *products])],
            CLICK: [{"page_url": page, "element": fake.word()} for page in [*pages, *products]],
            SEARCH: [{"page_url": "/search", "query": term, "results": len(term) * 7 % 60} for term in terms],
            ADD_TO_CART: [
                {"page_url": page, "product_id": f"PRD_{index:05d}", "quantity": 1 + index % 4 // 3}
                for index, page in enumerate(products)
            ],
            CHECKOUT: [{"page_url": "/checkout", "payment_method": method} for method in PAYMENT_METHODS],
            PURCHASE: [{"page_url": "/checkout/done", "payment_method": method} for method in PAYMENT_METHODS],
            LOGIN: [{"page_url": "/login", "method": method} for method in ("password", "google", "apple")],
            LOGOUT: [{"page_url": "/logout"}],
        }
    )


def _page_view(page: str, referrer: str | None) -> dict[str, Any]:
    return {"page_url": page} if referrer is None else {"page_url": page, "referrer": referrer}


def _pooled(pools: dict[int, Sequence[dict[str, Any]]]) -> Details:
    texts = [json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in _in_order(pools)]
    sizes = [len(pools[event_type]) for event_type in range(len(EVENT_TYPES))]
    first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)[:-1]])
    return Details(tuple(texts), first, tuple(Choice(zipf_weights(size)) for size in sizes))


def _in_order(pools: dict[int, Sequence[dict[str, Any]]]) -> Iterable[dict[str, Any]]:
    for event_type in range(len(EVENT_TYPES)):
        yield from pools[event_type]
