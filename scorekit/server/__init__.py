"""The REST service: what clients call.

::

    running     binds the port, starts the workers
    app         puts the application together: one line for each kind of endpoint
    routes/     one file for each kind of endpoint
    pages/      what people see in a browser
    service     what all of them share: store, state, models, limits
    served      one model that is served: the version that scores now, its window, its switch
    heavy       a process of its own for large requests, so that they delay no others
    requests    what every request passes: its id, limits, metrics, the log

Only this package knows FastAPI. It scores by the same ``Scorer``, behind the same ``Gate``,
as files and streams.
"""
