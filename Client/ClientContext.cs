using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>What everything that a client makes shares.</summary>
internal sealed record ClientContext(
    IGrainFactory Grains,
    OrleansLogClientOptions Options,
    IServiceProvider? Services,
    ILoggerFactory Loggers,
    TimeProvider Time,
    ConnectionMonitor Connection,
    DirectNodes? Direct = null)
{
    /// <summary>Makes a call and waits for its answer as long as there is a connection that it can come by.</summary>
    /// <exception cref="OrleansLogException">NetworkException: the connection broke; the call may have been carried out.</exception>
    public async Task<T> AnswerTo<T>(Func<Task<T>> call)
    {
        var broken = Connection.Broken; // before the call, so that no break in between is missed
        try
        {
            return await call().WaitAsync(broken).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (broken.IsCancellationRequested && exception.CancellationToken == broken)
        {
            throw new OrleansLogException(
                ErrorCode.NetworkException, "The connection to the cluster broke before the answer arrived.", exception);
        }
    }
}
