import os
def program(n): return '/tmp/opsdebs/root/usr/bin/'+n
