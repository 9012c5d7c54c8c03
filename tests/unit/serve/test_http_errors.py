from catalens.core import errors
from catalens.core.errors import CatalensError
from catalens.serve.errors import HTTP_STATUS, http_status


def leaves(kind: type[CatalensError]) -> list[type[CatalensError]]:
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in below for leaf in leaves(child)] or [kind]


def test_every_error_has_a_status() -> None:
    assert set(HTTP_STATUS) == set(leaves(CatalensError))


def test_a_class_without_a_row_answers_as_ours() -> None:
    assert http_status(errors.BundleError("x")) == 500


def test_a_special_case_answers_as_its_class() -> None:
    class Torn(errors.UnreadableImage):
        pass

    assert http_status(Torn("x")) == 422
