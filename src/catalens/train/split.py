"""A classifier cut in two where training begins: the frozen trunk, which can be computed once, and the rest.

The rest is made of the same module objects, so optimiser, averaged weights and checkpoints see nothing of the cut.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from catalens.core.errors import ConfigError
from catalens.train.backbones import last_stages
from catalens.train.model import Classifier
from catalens.train.settings import TrainSettings

Outputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Split:
    """`rest(trunk(pixels))` is `model(pixels)`, but for the gradient of what is frozen.

    `trunk` maps uint8 [N, S, S, 3] to an activation float [N, ...], always as in validation and without gradient;
    `rest` maps that to (logits, embedding, ...), training or not as the model is.  `cut` names the first module of the
    rest, and `trained` the parameters that are not frozen.
    """

    trunk: Callable[[Tensor], Tensor]
    rest: Callable[[Tensor], Outputs]
    cut: str
    trained: frozenset[str]


def split(model: Classifier, settings: TrainSettings) -> Split:
    """Cut before the first stage that modes `probe` and `last` train, and check on two photos that nothing changed.

    Raises ConfigError where everything is trained, or the network cannot be cut there.
    """
    if settings.mode == "full":
        raise ConfigError("mode 'full' freezes nothing that could be computed once; set train.views=0", key="views")
    trained = last_stages(model.backbone, settings.last_stages) if settings.mode == "last" else set()
    if trained and trained == {name for name, _ in model.backbone.named_parameters()}:
        message = f"train.last_stages={settings.last_stages} trains all of {settings.model!r}: nothing is computed once"
        raise ConfigError(f"{message}; set train.views=0, or fewer stages", key="views")
    pixels = example(settings.size, 2).to(model.head.weight.device)
    with evaluated(model), torch.no_grad():
        if trained:
            cut, backbone, trunk = _cut(model, trained, pixels)
        else:
            cut, backbone, trunk = "head", nn.Identity(), lambda pixels: model.backbone(model.normalise(pixels))
        later = _shallow(model, {"normalise": nn.Identity(), "backbone": backbone})
        made = Split(_still(model, trunk), _synced(later, model), cut, frozenset(trained))
        _check(model, made, pixels, settings)
    return made


def _cut(model: Classifier, trained: set[str], pixels: Tensor) -> tuple[str, nn.Module, Callable[[Tensor], Tensor]]:
    """The name of the first trained stage, the backbone from there on, and the backbone up to there."""
    network = model.backbone
    calls = _calls(network, lambda: network(model.normalise(pixels)))
    names = {module: name for name, module in network.named_modules()}
    called = [names[call.module] for call in calls]  # in the order in which they begin
    whole = {name for name in called if name and _parameters(network, name) and _parameters(network, name) <= trained}
    outer = [name for name in dict.fromkeys(called) if name in whole and not any(o in whole for o in _above(name))]
    covered = {parameter for name in outer for parameter in _parameters(network, name)}
    if not outer or covered != trained:
        raise _uncuttable(f"{len(trained - covered)} trained parameters lie outside of its stages")
    cut = outer[0]
    begin = next(call for call in calls if names[call.module] == cut)
    if called.count(cut) != 1 or not begin.plain:
        raise _uncuttable(f"its stage {cut!r} takes more than one array")
    last = {call.module: call.end for call in calls}
    done = {module for module, end in last.items() if end < begin.begin}
    shapes = {call.module: call.shape for call in calls if call.module in done and call.shape is not None}
    resume = _Resume(network.get_submodule(cut))
    later = _grafted(network, network.get_submodule(cut), resume, shapes)
    side = pixels.shape[1]

    def trunk(pixels: Tensor) -> Tensor:
        return _input_of(network, network.get_submodule(cut), model.normalise(pixels))

    return cut, _Later(later, resume, side), trunk


@dataclass
class _Call:
    """One call of a module while a network runs: when it began and ended, and what it gave."""

    module: nn.Module
    begin: int
    plain: bool  # one tensor came in
    end: int = -1
    shape: tuple[int, ...] | None = None  # of the one tensor that it gave


def _calls(network: nn.Module, run: Callable[[], object]) -> list[_Call]:
    clock = iter(range(1 << 62))
    calls: list[_Call] = []
    open_calls: list[_Call] = []

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor | list | tuple)]
        call = _Call(module, next(clock), len(given) == 1 and bool(args) and isinstance(args[0], Tensor))
        calls.append(call)
        open_calls.append(call)

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        call = open_calls.pop()
        call.end = next(clock)
        call.shape = tuple(output.shape) if isinstance(output, Tensor) else None

    hooks = [module.register_forward_pre_hook(before, with_kwargs=True) for module in network.modules()]
    hooks += [module.register_forward_hook(after) for module in network.modules()]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return calls


class _Reached(Exception):  # no error: it ends a forward pass
    def __init__(self, value: Tensor) -> None:
        self.value = value


def _input_of(network: nn.Module, module: nn.Module, x: Tensor) -> Tensor:
    """What `module` is given when the network runs on x; nothing behind is computed."""

    def stop(module: nn.Module, args: tuple[Any, ...]) -> None:
        raise _Reached(args[0])

    hook = module.register_forward_pre_hook(stop)
    try:
        network(x)
    except _Reached as reached:
        return reached.value
    finally:
        hook.remove()
    raise _uncuttable("a stage was not reached")


class _Resume(nn.Module):
    """The first trained stage: takes the activation in place of what reaches it."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage
        self.activation: Tensor | None = None

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return self.stage(self.activation, *args, **kwargs)


class _Skipped(nn.Module):
    """In place of a frozen module: not computed.  NaN, so that a network that does look at it is found out."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return x.new_full((1,) * len(self.shape), torch.nan).expand(x.shape[0], *self.shape[1:])


class _Later(nn.Module):
    """Activation -> features: the network runs with its frozen modules skipped."""

    def __init__(self, network: nn.Module, resume: _Resume, side: int) -> None:
        super().__init__()
        self.network, self.resume, self.side = network, resume, side

    def forward(self, activation: Tensor) -> Tensor:
        self.resume.activation = activation
        try:
            nothing = activation.new_full((1, 1, 1, 1), torch.nan)
            return self.network(nothing.expand(len(activation), 3, self.side, self.side))
        finally:
            self.resume.activation = None


def _grafted(module: nn.Module, cut: nn.Module, resume: _Resume, shapes: dict[nn.Module, tuple[int, ...]]) -> nn.Module:
    """The module with its frozen parts skipped: itself where nothing changes, else a shallow copy."""
    if module is cut:
        return resume
    if module in shapes:
        return _Skipped(shapes[module])
    children = {name: _grafted(child, cut, resume, shapes) for name, child in module.named_children()}
    changed = {name: child for name, child in children.items() if child is not getattr(module, name)}
    return _shallow(module, changed) if changed else module


def _shallow(module: nn.Module, changed: dict[str, nn.Module]) -> nn.Module:
    """A copy that shares parameters, buffers and all children but those that are changed."""
    made = copy.copy(module)
    made._modules = {**module._modules, **changed}
    made.__dict__["_original"] = module  # not through setattr, which would make it a child
    return made


def _synced(later: nn.Module, model: nn.Module) -> Callable[[Tensor], Outputs]:
    """A function, not a module, so that it can be kept in one without its parameters counting twice."""
    copies = [module for module in later.modules() if "_original" in module.__dict__]

    def rest(activation: Tensor) -> Outputs:
        for module in copies:
            module.training = module.__dict__["_original"].training
        return later(activation)

    return rest


def _still(model: nn.Module, trunk: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def still(pixels: Tensor) -> Tensor:
        with evaluated(model), torch.no_grad():
            return trunk(pixels)

    return still


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """A context in which all of a model is as in validation; afterwards each part is as it was."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def _check(model: Classifier, made: Split, pixels: Tensor, settings: TrainSettings) -> None:
    try:
        cut = made.rest(made.trunk(pixels))
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError) as error:
        raise _uncuttable(f"before {made.cut!r}: {str(error).splitlines()[0][:200]}") from None
    for whole, part in zip(model(pixels), cut, strict=True):
        if whole.shape != part.shape or not torch.allclose(whole, part, rtol=1e-3, atol=1e-4):
            raise _uncuttable(f"what lies before {made.cut!r} is used behind it, too")


def _uncuttable(why: str) -> ConfigError:
    message = f"the frozen part of this network cannot be computed on its own ({why}); set train.views=0"
    return ConfigError(message, key="views")


def example(size: int, count: int) -> Tensor:
    """uint8 [N, S, S, 3] of noise."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=generator)


def _parameters(network: nn.Module, name: str) -> set[str]:
    return {f"{name}.{inner}" for inner, _ in network.get_submodule(name).named_parameters()}


def _above(name: str) -> list[str]:
    """The modules that hold one: "a.b.c" is in "a.b" and "a"."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
