"""Features of users: what is read of a table of users, and what is kept of it."""

from mmrec.recommender.users.features import UserFeatures
from mmrec.recommender.users.fitting import FittedUsers, UserTable, fit_users
from mmrec.recommender.users.reading import choose_features, user_catalog

__all__ = [
    "FittedUsers",
    "UserFeatures",
    "UserTable",
    "choose_features",
    "fit_users",
    "user_catalog",
]
