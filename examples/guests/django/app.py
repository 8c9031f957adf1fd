"""A Django app in one file, by WSGI."""
import time

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path

# Which hosts there are is decided above.
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of an example")


def cached(request):
    text = f"django /cached {time.monotonic()}\n"
    return HttpResponse(text, content_type="text/plain", headers={"cache-control": "max-age=60"})


def page(request):
    return HttpResponse(f"django {request.path}\n", content_type="text/plain")


urlpatterns = [re_path("^cached$", cached), re_path("", page)]
app = get_wsgi_application()
