#!/bin/sh
# A compiler wrapper for workspace members: symbols that tell the instances of generic functions apart, for profiles.
exec "$@" -C symbol-mangling-version=v0
