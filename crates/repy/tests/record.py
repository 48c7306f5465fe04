# Records what CPython 2.7 prints for the programs below programs/, see programs/README.md.
# Run it with python2.7. It gives each program the names that Repy gives it, and takes the others away.
import __builtin__
import functools  # `reduce` needs it, and could not import it in restricted mode
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ALLOWED = """abs bool chr cmp complex dict divmod filter float frozenset hex id int isinstance issubclass len list
long map max min object oct ord pow range reduce repr round set slice str sum tuple xrange zip
True False None Ellipsis NotImplemented __debug__ __import__""".split()
# Exceptions that came to Python after the original's list was made.
HIDDEN_EXCEPTIONS = 'BufferError BytesWarning GeneratorExit ImportWarning UnicodeWarning'.split()


class RepyException(Exception): pass
class RepyArgumentError(RepyException): pass
class TimeoutError(RepyException): pass
class CodeUnsafeError(RepyException): pass
class ContextUnsafeError(RepyException): pass
class LockDoubleReleaseError(RepyException): pass
class ResourceUsageError(RepyException): pass
class ResourceExhaustedError(ResourceUsageError): pass
class ResourceForbiddenError(ResourceUsageError): pass
class FileError(RepyException): pass
class FileNotFoundError(FileError): pass
class FileInUseError(FileError): pass
class SeekPastEndOfFileError(FileError): pass
class FileClosedError(FileError): pass
class SafeException(RepyException): pass
class CheckNodeException(SafeException): pass
class CheckStrException(SafeException): pass
class RunBuiltinException(SafeException): pass
class NetworkError(RepyException): pass
class NetworkAddressError(NetworkError): pass
class AlreadyListeningError(NetworkError): pass
class DuplicateTupleError(NetworkError): pass
class CleanupInProgressError(NetworkError): pass
class InternetConnectivityError(NetworkError): pass
class AddressBindingError(NetworkError): pass
class ConnectionRefusedError(NetworkError): pass
class LocalIPChanged(NetworkError): pass
class SocketClosedLocal(NetworkError): pass
class SocketClosedRemote(NetworkError): pass
class SocketWouldBlockError(NetworkError): pass
class TCPServerSocketInvalidError(NetworkError): pass


class Ended(BaseException):
  pass


class Output(object):
  def __init__(self):
    self.softspace = 0
    self.closed = False
    self.parts = []

  def write(self, text):
    # exitall ends at once: what finally blocks still write is not seen.
    if not self.closed:
      self.parts.append(text)


def hidden(name):
  def refuse(*args, **kwargs):
    raise RunBuiltinException("Unsafe call '%s' with args '%s', kwargs '%s'" % (name, args, kwargs))
  return refuse


def safe_type(*args, **kwargs):
  if len(args) != 1 or kwargs:
    raise RunBuiltinException('type() may only take exactly one non-keyword argument.')
  thing = args[0]
  kind = real_type(thing)
  return safe_type if kind is real_type else kind


real_type = type
BUILTINS = vars(__builtin__)
ORIGINAL = dict(BUILTINS)


def names(output):
  given = {'__name__': '', '__doc__': ''}
  for name, value in ORIGINAL.items():
    exception = isinstance(value, type) and issubclass(value, BaseException) and name not in HIDDEN_EXCEPTIONS
    if name in ALLOWED or exception:
      given[name] = value
    elif not name.startswith('_'):
      given[name] = hidden(name)
  for name, value in list(globals().items()):
    if isinstance(value, type) and issubclass(value, RepyException):
      given[name] = value

  def log(*args):
    for arg in args:
      print >>output, arg,

  def exitall():
    output.closed = True
    raise Ended()

  given.update(type=safe_type, log=log, exitall=exitall, callfunc='initialize', callargs=[], mycontext={})
  return given


def run(path):
  """What the program prints, and `exit CODE` where that is not 0."""
  output = Output()
  source = '# coding: utf-8\n\n' + open(path, 'rb').read().replace('\r\n', '\n')
  given = names(output)
  builtins = {}
  # In place and in a dictionary of the program's own, as the original does it: the latter puts Python into its
  # restricted mode, in which old-style classes are read-only.
  context = {'__builtins__': builtins}
  for name in ('log', 'exitall', 'callfunc', 'callargs', 'mycontext'):
    context[name] = given[name]
  code = 0
  compiled = None
  try:
    compiled = compile(source, os.path.basename(path), 'exec')
    BUILTINS.update(given)
    builtins.update(BUILTINS)
    exec compiled in context
  except Ended:
    pass
  except SystemExit:
    code = 4
  except BaseException:
    code = 6
    BUILTINS.update(ORIGINAL)
    if os.environ.get('SHOW'):
      import traceback
      traceback.print_exc()
  # What destructors write from here on comes after the program's end, and is not looked at.
  text = ''.join(output.parts)
  context.clear()
  for name in given:
    if name not in ORIGINAL:
      BUILTINS.pop(name, None)
  BUILTINS.update(ORIGINAL)
  if code:
    text += ('' if text.endswith('\n') or not text else '\n') + 'exit %d\n' % code
  return text


def main():
  sys.setrecursionlimit(1000)
  arguments = sys.argv[1:]
  check = '--check' in arguments
  paths = [a for a in arguments if not a.startswith('-')]
  if not paths:
    for folder, _, files in os.walk(os.path.join(HERE, 'programs')):
      paths += [os.path.join(folder, name) for name in sorted(files) if name.endswith('.r2py')]
    if not check:
      paths = [path for path in paths if not os.path.exists(path[:-5] + '.out')]
  wrong = 0
  for path in paths:
    text = run(path)
    recorded = path[:-5] + '.out'
    if not check:
      open(recorded, 'wb').write(text)
    elif not os.path.exists(recorded) or open(recorded, 'rb').read() != text:
      wrong += 1
      print 'differs:', path
  print '%d programs, %d differ' % (len(paths), wrong) if check else '%d recorded' % len(paths)
  sys.exit(1 if wrong else 0)


if __name__ == '__main__':
  main()
