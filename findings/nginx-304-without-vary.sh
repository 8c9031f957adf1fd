#!/usr/bin/env bash
# nginx: with `gzip_vary on`, the 200 has `Vary: Accept-Encoding` and the 304 for the same request has none.
#
# One would expect the same `Vary` on both: RFC 9110 §15.4.5 says that a 304 has the fields that the 200 would have had, and
# a cache updates its stored headers with those of the 304. In nginx the gzip filter decides about `Vary`, and it only
# handles the statuses 200, 403 and 404. Nor does the 304 have the weak tag of the 200, but a strong one.
set -euo pipefail
nginx=1.22.1-9+deb12u11
work=$(mktemp -d); server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$work"' EXIT; cd "$work"

apt-get download -qq nginx="$nginx"
dpkg-deb -x nginx_*.deb nginx
mkdir www tmp
head -c 3000 /dev/zero | tr '\0' a >www/a.txt
touch -d 2020-01-01T00:00:00Z www/a.txt
chmod -R a+rX .
cat >nginx.conf <<CONF
daemon off; pid $work/pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off; types { text/plain txt; }
  gzip on; gzip_types text/plain; gzip_min_length 1; gzip_vary on;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server { listen unix:$work/socket; root $work/www; }
}
CONF
nginx/usr/sbin/nginx -p "$work" -c nginx.conf &
server=$!
until [ -S socket ]; do sleep 0.05; done
head_of() { curl -s -o /dev/null -D - --unix-socket socket "$@" http://test/a.txt | tr -d '\r'; }

etag=$(head_of -H "accept-encoding: gzip" | sed -n "s/^ETag: //p")
whole=$(head_of -H "accept-encoding: gzip")
unchanged=$(head_of -H "accept-encoding: gzip" -H "if-none-match: $etag")
nginx/usr/sbin/nginx -v
echo "$whole" | grep -E "^(HTTP|ETag|Vary)"
echo "$unchanged" | grep -E "^(HTTP|ETag|Vary)"
[[ $whole == *" 200 "*"Vary: Accept-Encoding"* && $unchanged == *" 304 "* && $unchanged != *Vary* ]]
