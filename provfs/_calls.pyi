from provfs.calls import access_line as access_line
from provfs.calls import append as append
from provfs.calls import look_again as look_again
from provfs.calls import open_direct as open_direct
from provfs.calls import state_of as state_of
