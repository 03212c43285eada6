"""The services: one class a table, each with its repository."""

from examples.airports.models import Airport, Country
from holdfast import repository, service

__all__ = ("AirportService", "CountryService")


class AirportService(service.SQLAlchemyAsyncRepositoryService[Airport]):
    """Reads and writes airports."""

    class Repo(repository.SQLAlchemyAsyncRepository[Airport]):
        """Airports, by ``id``."""

        model_type = Airport

    repository_type = Repo
    # A count of its own knows the total on a page past the end, too.
    count_with_window_function = False


class CountryService(service.SQLAlchemyAsyncRepositoryService[Country]):
    """Reads and writes countries."""

    class Repo(repository.SQLAlchemyAsyncRepository[Country]):
        """Countries, by ``code``."""

        model_type = Country
        id_attribute = "code"

    repository_type = Repo
    count_with_window_function = False
