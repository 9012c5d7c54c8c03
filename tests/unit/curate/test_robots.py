from __future__ import annotations

import time

import pytest

from catalens.curate.fetch.robots import Robots


def rules(*lines: str) -> Robots:
    return Robots.parse("User-agent: *\n" + "\n".join(lines))


@pytest.mark.parametrize(
    ("lines", "path", "allowed"),
    [
        ([], "/x.jpg", True),
        (["Disallow:"], "/x.jpg", True),
        (["Disallow: /"], "/x.jpg", False),
        (["Disallow: /private"], "/private/x.jpg", False),
        (["Disallow: /private"], "/privateer.jpg", False),
        (["Disallow: /private/"], "/privateer.jpg", True),
        (["Disallow: /", "Allow: /images/"], "/images/x.jpg", True),
        (["Allow: /images/", "Disallow: /"], "/images/x.jpg", True),
        (["Allow: /images", "Disallow: /images"], "/images/x.jpg", True),
        (["Disallow: /images/big", "Allow: /images"], "/images/big/x.jpg", False),
        (["Disallow: /*.jpg"], "/a/b/x.jpg?w=1", False),
        (["Disallow: /*.jpg$"], "/a/b/x.jpg?w=1", True),
        (["Disallow: /*.jpg$"], "/a/b/x.jpg", False),
        (["Disallow: /x.jpg$"], "/x.jpg", False),
        (["Disallow: /x.jpg$"], "/x.jpgs", True),
        (["Disallow: /*?"], "/x.jpg?w=1", False),
        (["Disallow: /*/thumbs/*/x"], "/a/thumbs/b/c/x.jpg", False),
        (["Disallow: /*/thumbs/*/x"], "/a/thumbs/x.jpg", True),
        (["Disallow: /a*a$"], "/a", True),
        (["disallow : /a # but /b"], "/a.jpg", False),
        (["Disallow: /caf%C3%A9"], "/café/x.jpg", False),
        (["Disallow: /café"], "/caf%C3%A9/x.jpg", False),
        (["no rule", "Sitemap: https://x/y", "Disallow: /a"], "/a.jpg", False),
    ],
)
def test_a_path_is_allowed(lines: list[str], path: str, allowed: bool) -> None:
    assert rules(*lines).allows(path) is allowed


def test_our_group_counts_instead_of_everybodys() -> None:
    everybody, others = "User-agent: *\nDisallow: /\n", "User-agent: Googlebot\nUser-agent: CataLens\nDisallow: /a\n"
    text = f"{everybody}\n{others}\nUser-agent: catalens\nDisallow: /b"
    robots = Robots.parse(text)
    assert [robots.allows(path) for path in ("/a", "/b", "/c")] == [False, False, True]


@pytest.mark.parametrize("name", ["Catalens", "catalens/0.3", "Catalens/0.3 (+https://github.com/catalens/catalens)"])
def test_we_may_be_named_as_logs_have_us(name: str) -> None:
    robots = Robots.parse(f"User-agent: *\nAllow: /\n\nUser-agent: {name}\nDisallow: /a")
    assert not robots.allows("/a.jpg")


def test_a_group_of_others_does_not_count() -> None:
    text = "User-agent: other\nDisallow: /\nUser-agent: catalens-imitator\nDisallow: /"
    assert Robots.parse(text).allows("/x.jpg")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("Crawl-delay: 2.5", 2.5), ("Crawl-delay: soon", 0), ("Crawl-delay: -1", 0), ("Crawl-delay: inf", 0), ("", 0)],
)
def test_how_long_to_wait(text: str, seconds: float) -> None:
    assert rules(text).delay_s == seconds


def test_a_byte_order_mark_and_windows_lines() -> None:
    assert not Robots.parse("\ufeffUser-agent: *\r\nDisallow: /a\r\n").allows("/a")


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    robots = rules(f"Disallow: /{'*a' * 2000}$")
    started = time.perf_counter()
    assert robots.allows("/" + "a" * 1999 + "b")
    assert time.perf_counter() - started < 0.5
