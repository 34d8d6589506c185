"""What people see of the service in a browser.

::

    sessions    who has signed in, and that a form was sent from a page of ours
    visits      who looks at a page, and by which session
    rendering   from a template to an answer; errors as pages
    assets      the style, the script and the sign: all that a page loads
    signing     in and out
    overview    ``/``: every model
    model       ``/models/NAME``: versions, quality, the switch
    jobs        ``/jobs``

Pages are made here and need no script; with one they follow what happens. They load nothing
from elsewhere, and show what the other routes tell, by the same functions.
"""
