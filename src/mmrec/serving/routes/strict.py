"""Queries with unknown parameters are refused."""

from fastapi import Depends, HTTPException, Request

from mmrec.serving.sentences import names_expected


def _only_known(request: Request) -> None:
    """Refuse a query with a parameter that its route doesn't have: it may be a typing error."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise HTTPException(422, names_expected("parameters", unknown, known))


STRICT = [Depends(_only_known)]
"""Dependencies of a route whose query is checked."""
