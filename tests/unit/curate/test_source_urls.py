"""Lists of URLs, from the list to the catalog, with servers on 127.0.0.1 that are expressly allowed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.builders.dumps import jsonl, photo, write
from tests.builders.webserver import LocalServer, Reply

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError, SourceError
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings, recognise
from catalens.curate.sources.protocol import Row
from catalens.curate.sources.urls import AHEAD, UrlsSource, recognise_urls


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({f"/{number}.jpg": Reply(photo(number)) for number in range(40)}) as server:
        yield server


def settings(server: LocalServer, **values: object) -> IngestSettings:
    web = {"allow_private": server.address, "delay_s": 0, "attempts": 1, "per_host": 4}
    return IngestSettings(format="urls", **{"web": web, **values})


def listed(root: Path, server: LocalServer, rows: list[str], header: str = "sku,url,category,licence") -> Path:
    """A list in which "~" is the server."""
    text = "\n".join([header, *rows]).replace("~", server.url)
    return write(root, {"list.csv": text}) / "list.csv"


def test_photos_come_from_the_web_with_their_columns(tmp_path: Path, server: LocalServer) -> None:
    rows = ["a,~/1.jpg|~/2.jpg,Shoes > Clogs,CC0", "b,~/3.jpg,Hats,CC-BY", "a,~/4.jpg,Shoes > Clogs,CC0"]
    report = run(listed(tmp_path, server, rows), tmp_path / "shop.catalog", settings(server))
    catalog = Catalog(tmp_path / "shop.catalog")
    stored = [catalog.photos.read(image["shard"], image["row"]) for image in catalog.images.to_pylist()]
    assert sorted(stored) == sorted(photo(number) for number in (1, 2, 3, 4))
    products = {row["product_id"]: dict(row["attributes"]) for row in catalog.products.to_pylist()}
    assert products == {"a": {"licence": "CC0"}, "b": {"licence": "CC-BY"}}
    assert catalog.categories == {"a": "Shoes > Clogs", "b": "Hats"}
    assert "URLs: 4 fetched" in report.remarks
    assert "photo: column url" in report.remarks


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (["sku", "url"], ["url"]),
        (["image_url", "category"], ["image_url"]),
        (["Image URL 1", "Image URL 2", "url_of_page"], ["Image URL 1", "Image URL 2"]),
        (["id", "image_link", "additional_image_link"], ["image_link", "additional_image_link"]),
        (["photo-urls", "img_src"], ["photo-urls", "img_src"]),
        (["image", "category", "curly"], []),
    ],
)
def test_columns_of_urls_are_recognised(header: list[str], found: list[str]) -> None:
    assert list(recognise_urls(header)) == found


def test_a_table_of_paths_with_a_link_is_no_list_of_urls(tmp_path: Path) -> None:
    source = write(tmp_path, {"shop.csv": "image,url,category\n1.jpg,http://shop.example/page,Hats\n"}) / "shop.csv"
    assert recognise(source) == "table"


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_other_tables_hold_lists_and_bytes(tmp_path: Path, server: LocalServer, kind: str) -> None:
    """A photo that stands in the cell itself is not fetched."""
    inline = f"data:image/jpeg;base64,{base64.b64encode(photo(9)).decode()}"
    rows = [{"sku": "a", "urls": [f"{server.url}/1.jpg", inline], "label": "Hats"}]
    path = tmp_path / f"list.{kind}"
    if kind == "jsonl":
        path.write_text(jsonl(rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    report = run(path, tmp_path / "shop.catalog", settings(server))
    assert (report.products, report.images, report.set_aside) == (1, 2, {})
    assert server.paths() == ["/robots.txt", "/1.jpg"]


def test_what_is_not_a_photo_is_a_finding_with_its_cause(tmp_path: Path, server: LocalServer) -> None:
    server.routes |= {
        "/robots.txt": Reply(b"User-agent: *\nDisallow: /private"),
        "/page.jpg": Reply(b"<html>login</html>"),
        "/cut.jpg": Reply(photo(1)[:80]),
        "/inside.jpg": Reply(status=302, headers={"Location": "http://169.254.169.254/latest"}),
    }
    names = ["none.jpg", "private/1.jpg", "page.jpg", "cut.jpg", "inside.jpg"]
    rows = [f"p{number},~/{name},Hats,CC0" for number, name in enumerate(names)]
    rows += ["p5,photo.jpg,Hats,CC0", "p6,http://10.0.0.1/1.jpg,Hats,CC0", "p7,~/1.jpg|~/none.jpg,Hats,CC0"]
    report = run(listed(tmp_path, server, rows), tmp_path / "shop.catalog", settings(server))
    assert report.set_aside == {"no usable photo": 7}
    assert report.findings == {
        "fetch failed: HTTP 404": 2,
        "blocked by robots.txt": 1,
        "not a photo": 1,
        "unreadable photo": 1,
        "address not allowed": 2,
        "not a usable URL": 1,
    }
    findings = Catalog(tmp_path / "shop.catalog").table("findings").to_pylist()
    assert f"{server.url}/none.jpg" in {finding["source"] for finding in findings}


def test_nothing_private_is_asked_without_an_allowance(tmp_path: Path, server: LocalServer) -> None:
    source = listed(tmp_path, server, ["a,~/1.jpg,Hats,CC0", "b,~/2.jpg,Hats,CC0"])
    with pytest.raises(
        SourceError, match=r"no usable photo \(2\); noted: address not allowed \(2\); first, list.*allow 127"
    ):
        run(source, tmp_path / "shop.catalog", IngestSettings(format="urls"))
    assert server.asked == []
    # what is allowed then is fetched: an ingest that kept nothing is not gone on with
    assert run(source, tmp_path / "shop.catalog", settings(server)).products == 2


def test_a_second_catalog_of_the_list_fetches_nothing(tmp_path: Path, server: LocalServer) -> None:
    source = listed(tmp_path, server, [f"p{number},~/{number}.jpg,c{number % 3},CC0" for number in range(40)])
    first = run(source, tmp_path / "first.catalog", settings(server))
    asked = len(server.asked)
    second = run(source, tmp_path / "second.catalog", settings(server))
    assert first.digest == second.digest
    assert len(server.asked) == asked
    assert "URLs: 40 on disk" in second.remarks
    assert (tmp_path / "list.csv.downloads").is_dir()


def test_the_order_of_answers_does_not_matter(tmp_path: Path, server: LocalServer) -> None:
    source = listed(tmp_path, server, [f"p{number},~/{number}.jpg,c{number % 3},CC0" for number in range(20)])
    one = run(source, tmp_path / "one.catalog", settings(server))
    for number in range(0, 20, 3):
        server.routes[f"/{number}.jpg"] = Reply(photo(number), pause_s=0.05)
    web = {"allow_private": server.address, "delay_s": 0, "per_host": 8, "downloads": tmp_path / "elsewhere"}
    other = run(source, tmp_path / "other.catalog", settings(server, web=web))
    assert one.digest == other.digest
    assert server.paths().count("/0.jpg") == 2


def test_reading_goes_on_without_fetching_what_is_behind(tmp_path: Path, server: LocalServer) -> None:
    source = listed(tmp_path, server, [f"p{number},~/{number}.jpg,c,CC0" for number in range(20)])
    reader = UrlsSource(source, settings(server))
    products = [item.product_id for _, item in reader.read(15) if isinstance(item, Row)]
    assert products == [f"p{number}" for number in range(15, 20)]
    assert sorted(server.paths()) == sorted(["/robots.txt", *(f"/{number}.jpg" for number in range(15, 20))])


def test_no_more_is_fetched_ahead_than_is_needed(tmp_path: Path, server: LocalServer) -> None:
    rows = [f"p{number},~/{number % 40}.jpg?{number},c,CC0" for number in range(400)]
    web = {"allow_private": server.address, "delay_s": 0, "attempts": 1, "connections": 2}
    source = listed(tmp_path, server, rows)
    items = UrlsSource(source, settings(server, web=web)).read(0)
    list(islice(items, 3))
    items.close()
    assert len(server.asked) < 2 * AHEAD + 5


def test_transient_failures_are_said_and_tried_by_the_next_run(tmp_path: Path, server: LocalServer) -> None:
    server.routes["/1.jpg"] = [Reply(status=503), Reply(photo(1))]
    source = listed(tmp_path, server, ["a,~/1.jpg,Hats,CC0", "b,~/2.jpg,Hats,CC0"])
    report = run(source, tmp_path / "shop.catalog", settings(server))
    assert report.findings == {"fetch failed: HTTP 503": 1}
    assert any("--overwrite" in remark for remark in report.remarks)
    again = run(source, tmp_path / "shop.catalog", settings(server, overwrite=True))
    assert (again.products, again.findings) == (2, {})
    assert server.paths().count("/2.jpg") == 1


def test_a_column_called_photo_holds_urls_where_the_format_says_so(tmp_path: Path, server: LocalServer) -> None:
    source = listed(tmp_path, server, ["a,~/1.jpg,Hats"], header="sku,photo,category")
    with pytest.raises(SourceError, match=r"first, list.csv: row 1: .* is a URL: --format urls fetches it"):
        run(source, tmp_path / "shop.catalog", IngestSettings())
    # an ingest that kept nothing binds nobody to its format
    assert run(source, tmp_path / "shop.catalog", settings(server)).products == 1


def test_how_to_fetch_may_change_between_runs(tmp_path: Path, server: LocalServer) -> None:
    source = listed(tmp_path, server, ["a,~/1.jpg,Hats,CC0"])
    run(source, tmp_path / "shop.catalog", settings(server))
    slower = {"allow_private": server.address, "delay_s": 9}
    assert run(source, tmp_path / "shop.catalog", settings(server, web=slower)).unchanged


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.csv", "sku,category\n1,Hats\n", "looks like photo URLs"),
        ("list.txt", "url\nhttp://x/1.jpg\n", "expected a table"),
        ("list.csv", "", "looks like photo URLs"),
    ],
)
def test_what_is_no_list_is_said(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        run(write(tmp_path, {name: text}) / name, tmp_path / "shop.catalog", IngestSettings(format="urls"))


def test_other_formats_do_not_read_how_to_fetch(tmp_path: Path) -> None:
    source = write(tmp_path, {"photos/Hats/1.jpg": photo(1)}) / "photos"
    with pytest.raises(ConfigError, match="'web'"):
        run(source, tmp_path / "shop.catalog", IngestSettings(web={"allow_private": "127.0.0.1"}))


def test_a_record_tells_where_a_photo_came_from(tmp_path: Path, server: LocalServer) -> None:
    server.routes["/moved.jpg"] = Reply(status=301, headers={"Location": "/1.jpg"})
    source = listed(tmp_path, server, ["a,~/moved.jpg,Hats,CC0"])
    run(source, tmp_path / "shop.catalog", settings(server))
    (record,) = (tmp_path / "list.csv.downloads").glob("*/*.json")
    said = json.loads(record.read_text())
    assert (said["url"], said["final_url"]) == (f"{server.url}/moved.jpg", f"{server.url}/1.jpg")
