using Microsoft.Extensions.Logging;

namespace OrleansLog.Client;

/// <summary>What everything that a client makes shares.</summary>
internal sealed record ClientContext(
    IGrainFactory Grains,
    OrleansLogClientOptions Options,
    IServiceProvider? Services,
    ILoggerFactory Loggers,
    TimeProvider Time);
