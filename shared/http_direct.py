"""The short way of a request to its endpoint: the same answer as the framework's, in a third of the time.

A FastAPI route resolves dependencies, wraps the endpoint in four exit stacks and validates the answer it was just given
as one. Most of our endpoints need none of it: a JSON body or a query, ids in the path, who asks, a key, a version. For
those, what a request needs is worked out once; every other endpoint is answered by the framework. Declaring,
documenting and guarding stay the framework's and `shared/http_access.py`'s; so is reading a query.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from re import Pattern
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import FastAPI
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.http_access import Access, GuardedRoute, access_of, admit, json_value
from shared.http_problems import answer_problem

Supply = Callable[[Request], Awaitable[Any]]
"""Gives one argument of an endpoint; raises what the request deserves."""


@dataclass(frozen=True)
class JsonBody:
    """What a request's body must be, and which argument it is."""

    name: str
    adapter: TypeAdapter[Any]
    required: bool

    def arguments(self, given: tuple[Any] | None) -> dict[str, Any]:
        """The argument a decoded body makes; none when it may be left out. Raises the 422 it deserves."""
        if given is None:
            if self.required:
                raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
            return {}
        try:
            return {self.name: self.adapter.validate_python(given[0], from_attributes=True)}
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            raise RequestValidationError([each | {"loc": ("body", *each["loc"])} for each in found]) from None


@dataclass(frozen=True)
class Direct:
    """One endpoint that can be called without the framework. queried: whether it takes a query."""

    route: GuardedRoute
    access: Access
    supplies: tuple[tuple[str, Supply], ...]
    body: JsonBody | None
    queried: bool

    async def respond(self, request: Request) -> Response:
        """The endpoint's answer. Raises what it raises, and what the request deserves."""
        admit(request, self.access)
        given = await json_value(request) if self.body is not None else None
        return await self.route.around(request, partial(self._answer, given))

    async def _answer(self, given: tuple[Any] | None, request: Request) -> Response:
        arguments: dict[str, Any] = {**request.scope["path_params"]}
        for name, supply in self.supplies:
            arguments[name] = await supply(request)
        if self.queried:
            values, errors = request_params_to_args(self.route.dependant.query_params, request.query_params)
            if errors:
                raise RequestValidationError(errors)
            arguments |= values
        if self.body is not None:
            arguments |= self.body.arguments(given)
        answer: BaseModel = await self.route.endpoint(**arguments)
        data = answer.__pydantic_serializer__.to_json(answer)
        status = getattr(answer, "answered_with", self.route.status_code)
        return Response(data, status or 200, media_type="application/json")


class DirectApi(FastAPI):
    """An application that takes the short way where there is one. Its routes are all there before the first request."""

    _ways: dict[str, list[tuple[Pattern[str], Direct | None]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        direct = self._direct(scope) if scope["type"] == "http" else None
        if direct is None:
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await direct.respond(request)
        except Exception as error:
            response = await answer_problem(request, error)
            await response(scope, receive, send)
            if response.status_code == 500:
                raise  # the border logs it
            return
        await response(scope, receive, send)

    def _direct(self, scope: Scope) -> Direct | None:
        """The first route that matches, if it can be taken the short way."""
        if self._ways is None:
            self._ways = self._all_ways()
        path, root = scope["path"], scope.get("root_path", "")
        for pattern, direct in self._ways.get(scope["method"], ()):
            matched = pattern.match(path[len(root) :] if path.startswith(root) else path)
            if matched is not None:
                if direct is not None:
                    scope["route"] = direct.route
                    scope["path_params"] = matched.groupdict()
                return direct
        return None

    def _all_ways(self) -> dict[str, list[tuple[Pattern[str], Direct | None]]]:
        ways: dict[str, list[tuple[Pattern[str], Direct | None]]] = {}
        for route in self.routes:
            if not isinstance(route, APIRoute):
                continue  # a mount lies below a path of its own
            for method in route.methods or ():
                ways.setdefault(method, []).append((route.path_regex, direct_of(route)))
        return ways


def direct_of(route: APIRoute) -> Direct | None:
    """How to call a route's endpoint without the framework; None when it needs something only that can give.

    It can be called when it is a coroutine that answers a model, and takes nothing but texts of its path, one JSON body
    or one query, and dependencies that are coroutines of the request.
    """
    access, endpoint = access_of(route.endpoint), route.endpoint
    hints = get_type_hints(endpoint, include_extras=True)
    answer = hints.pop("return", None)
    if not isinstance(route, GuardedRoute) or type(route).get_route_handler is not GuardedRoute.get_route_handler:
        return None  # it does more than `around` says
    if access is None or not inspect.iscoroutinefunction(endpoint) or not _is_model(answer):
        return None
    supplies: list[tuple[str, Supply]] = []
    body: JsonBody | None = None
    queried = False
    for name, hint in hints.items():
        depends = _depends(hint)
        if depends is not None:
            supplies.append((name, depends))
        elif name in route.param_convertors and hint is str:
            continue
        elif _is_query(hint) and not queried:
            queried = True
        elif body is None and all(_is_model(one) or one is type(None) for one in get_args(hint) or (hint,)):
            required = inspect.signature(endpoint).parameters[name].default is inspect.Parameter.empty
            body = JsonBody(name, TypeAdapter(hint), required)
        else:
            return None
    if queried and body is not None:
        return None  # what is wrong with both is said at once
    return Direct(route, access, tuple(supplies), body, queried)


def _is_model(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, BaseModel)


def _is_query(hint: Any) -> bool:
    """Whether an argument is a model of the query and nothing else."""
    if get_origin(hint) is not Annotated:
        return False
    model, *marks = get_args(hint)
    return _is_model(model) and len(marks) == 1 and type(marks[0]) is Query


def _depends(hint: Any) -> Supply | None:
    """The dependency, if it asks for nothing but the request."""
    if get_origin(hint) is not Annotated:
        return None
    found = [one for one in get_args(hint)[1:] if isinstance(one, Depends)]
    if len(found) != 1 or not inspect.iscoroutinefunction(found[0].dependency):
        return None
    asked = list(get_type_hints(found[0].dependency).items())
    asks = [name for name, _ in asked if name != "return"]
    return found[0].dependency if asks == ["request"] else None
