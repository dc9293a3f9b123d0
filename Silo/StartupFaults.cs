using System.Net.Sockets;
using Microsoft.Extensions.Options;
using OrleansLog.Records;

namespace OrleansLog.Silo;

/// <summary>Tells a setting that is wrong, or a place that is taken, from a defect of the program.</summary>
internal static class StartupFaults
{
    /// <summary>What to tell the user of a failed start; null when it is a defect and the whole exception must be seen.</summary>
    public static string? Explain(Exception failure, SiloEndpoints? endpoints)
    {
        foreach (var cause in Causes(failure))
        {
            switch (cause)
            {
                case OptionsValidationException invalid:
                    return string.Join(Environment.NewLine + "  ", invalid.Failures);
                case OrleansLogException known:
                    return known.Message;
                case StartupException known:
                    return known.Message;
                case InvalidOperationException { InnerException: { } inner } e
                    when e.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal):
                    return $"{e.Message} {inner.Message}";
                case SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } e:
                    return (endpoints is null ? null : Ports.FindTaken(endpoints)) ?? e.Message;
            }
        }

        return null;
    }

    private static IEnumerable<Exception> Causes(Exception failure)
    {
        for (var e = failure; e is not null; e = e.InnerException)
        {
            yield return e;
            if (e is not AggregateException several) continue;
            foreach (var cause in several.InnerExceptions.Skip(1).SelectMany(Causes)) yield return cause;
        }
    }
}
