"""The routes of the HTTP interface: a function for each group makes its router."""

from mmrec.serving.routes.events import event_routes
from mmrec.serving.routes.items import item_routes
from mmrec.serving.routes.lists import list_routes
from mmrec.serving.routes.service import service_routes

__all__ = ["event_routes", "item_routes", "list_routes", "service_routes"]
