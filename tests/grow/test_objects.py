"""Pictures in an object store: the same names and checks as in a folder, on a server that speaks S3 and in a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from palate.catalogue import pictures
from palate.catalogue.blobs import Blobs, BlobStore, content_id
from palate.catalogue.home import Home, Places
from palate.catalogue.objects import ObjectBlobs, _from_environment
from palate.catalogue.records import Picture
from palate.check import check, mend
from palate.errors import PalateError


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 with a bucket in it."""
    server = pytest.importorskip("moto.server", reason="no S3 for tests: pip install moto[server]")
    import boto3

    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    _, port = running.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": endpoint}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="pictures")
        yield "s3://pictures/some"
    running.stop()


@pytest.fixture(params=["folder", "shared folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return Blobs(tmp_path / "blobs", reserve=0)
    place = f"file://{tmp_path}/shared" if request.param == "shared folder" else request.getfixturevalue("s3")
    store = ObjectBlobs(place, tmp_path / "cache")
    for id in store:
        store.remove(id)
    return store


def test_bytes_come_back_by_their_content(blobs: BlobStore) -> None:
    if isinstance(blobs, Blobs):
        blobs.folder.mkdir()
    name = blobs.put(b"abc")
    assert name == "ba7816bf8f01cfea414140de5dae2223" == blobs.put(b"abc")
    other = blobs.put(b"xyz")
    assert list(blobs) == sorted([name, other])
    assert blobs.get(name) == blobs.path(name).read_bytes() == b"abc"
    blobs.remove(name)
    blobs.remove(name)
    assert list(blobs) == [other]
    assert not blobs.path(name).exists()
    with pytest.raises(PalateError) as caught:
        blobs.get(name)
    assert caught.value.code == "picture_missing"


def broken(store: ObjectBlobs, id: str, data: bytes) -> None:
    import obstore

    obstore.put(store._store, f"{id[:2]}/{id}", data)


def test_an_object_that_was_cut_is_written_again(s3: str, tmp_path: Path) -> None:
    store = ObjectBlobs(s3, tmp_path)
    broken(store, content_id(b"abc"), b"ab")
    with pytest.raises(PalateError, match="other bytes"):
        store.get(content_id(b"abc"))
    assert store.get(store.put(b"abc")) == b"abc"


def test_a_home_of_pictures_elsewhere_is_checked_and_mended(s3: str, tmp_path: Path) -> None:
    places = Places(blobs=s3)
    with closing(Home.create(tmp_path / "home", places)) as home:
        for id in home.blobs:
            home.blobs.remove(id)
        ids = [home.blobs.put(data) for data in (b"one", b"two", b"three")]
        with home.write() as connection:
            pictures.put(connection, [Picture(id, owned=True) for id in ids[:2]])
        assert isinstance(home.blobs, ObjectBlobs)
        broken(home.blobs, ids[0], b"eno")
        found = {(fault.about, fault.severity) for fault in check(home)}
        assert found == {(ids[0], "wrong"), (ids[2], "note")}
        assert mend(home)["blobs_removed"] == 2
        assert list(home.blobs) == [ids[1]]
        assert not list((tmp_path / "home" / "blobs").iterdir())


def test_a_store_that_does_not_answer_is_told_in_a_sentence(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    monkeypatch.setattr("palate.catalogue.objects.RETRIES", 0)
    with pytest.raises(PalateError, match="the object store failed") as caught:
        ObjectBlobs("s3://pictures", tmp_path).put(b"abc")
    assert "the-" not in str(caught.value)


@pytest.mark.parametrize("place", ["ftp://host/pictures", "pictures", "https://example.org/x"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(PalateError, match="s3://"):
        Home.create(tmp_path, Places(blobs=place))


def test_an_address_without_a_bucket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="no address of an object store") as caught:
        ObjectBlobs("s3://", tmp_path)
    assert (caught.value.code, caught.value.about) == ("wrong_setting", "blobs")


def test_a_store_without_its_package_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(PalateError, match="obstore") as caught:
        ObjectBlobs(f"file://{tmp_path}", tmp_path)
    assert caught.value.code == "not_installed"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("PermissionDeniedError", "storage_unwritable"),
        ("UnauthenticatedError", "storage_unwritable"),
        ("GenericError", "storage_unreachable"),
    ],
)
def test_a_store_that_refuses_is_told_without_its_own_words(
    tmp_path: Path, kind: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import obstore
    from obstore import exceptions

    store = ObjectBlobs(f"file://{tmp_path}", tmp_path / "cache")
    name = store.put(b"abc")

    def fails(*_: Any, **__: Any) -> Any:
        raise getattr(exceptions, kind)("host.example.org says no to the-key")

    for call in ("put", "get", "list", "delete"):
        monkeypatch.setattr(obstore, call, fails)
    for ask in (lambda: store.put(b"xyz"), lambda: store.get(name), lambda: list(store), lambda: store.remove(name)):
        with pytest.raises(PalateError) as caught:
            ask()
        assert caught.value.code == code
        assert "the-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, {"region": "us-east-1"}),
        ({"AWS_DEFAULT_REGION": "eu-1"}, {"region": "eu-1"}),
        ({"AWS_DEFAULT_REGION": "eu-1", "AWS_REGION": "eu-2"}, {"region": "eu-2"}),
        (
            {"AWS_ENDPOINT_URL": "https://one", "AWS_ENDPOINT_URL_S3": "http://two"},
            {"region": "us-east-1", "endpoint": "http://two", "client_options": {"allow_http": True}},
        ),
        (
            {"AWS_ENDPOINT_URL": "https://one"},
            {"region": "us-east-1", "endpoint": "https://one", "client_options": {"allow_http": False}},
        ),
    ],
)
def test_a_store_is_asked_where_the_environment_says(
    said: dict[str, str], told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert _from_environment("s3://pictures") == {**told, "retry_config": {"max_retries": 3}}
    assert _from_environment("gs://pictures") == {}
