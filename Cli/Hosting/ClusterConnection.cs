using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using OrleansLog.Cli.Parsing;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Hosting;

/// <summary>Connects to a cluster, and says what to do when it is not there.</summary>
internal static class ClusterConnection
{
    // That nobody is there is known at once; who accepts a connection may still be starting.
    private static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(15);

    /// <summary>Connects within the request's timeout, 15 s at most.</summary>
    /// <exception cref="UnreachableException">Nobody listens, or what listens is no OrleansLog silo of that cluster.</exception>
    public static async Task<OrleansLogClient> OpenAsync(CliHost host, GlobalSettings settings, CancellationToken cancellationToken)
    {
        var timeout = settings.RequestTimeout < LongestConnect ? settings.RequestTimeout : LongestConnect;
        if (host.ProbesFirst)
            await ProbeAsync(settings, timeout, cancellationToken).ConfigureAwait(false);
        try
        {
            return await host.Connect(
                new OrleansLogClientOptions
                {
                    Endpoints = settings.BootstrapText,
                    ClusterId = settings.ClusterId,
                    ServiceId = settings.ServiceId,
                    ConnectTimeout = timeout,
                    RequestTimeout = settings.RequestTimeout,
                    ClientId = "orleanslog-cli",
                    Logging = settings.Verbose ? logging => logging.AddProvider(new ErrorLog(host.Error)) : null,
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (OrleansLogException exception) when (exception.Error == ErrorCode.NetworkException)
        {
            throw new UnreachableException(
                $"Something listens at {settings.BootstrapText}, but it did not answer as an OrleansLog silo of cluster " +
                $"'{settings.ClusterId}' (service '{settings.ServiceId}'): is it the silo's gateway port, still starting, or of " +
                "another cluster (--cluster-id, --service-id)?",
                exception);
        }
    }

    /// <summary>Asks for a bare TCP connection first: a refused one is known at once, where Orleans would go on trying.</summary>
    private static async Task ProbeAsync(GlobalSettings settings, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        var probes = settings.Bootstrap.Select(endpoint => ProbeAsync(endpoint, deadline.Token)).ToList();
        Exception? failure = null;
        while (probes.Count > 0)
        {
            var probe = await Task.WhenAny(probes).ConfigureAwait(false);
            probes.Remove(probe);
            failure = await probe.ConfigureAwait(false);
            if (failure is null)
            {
                await deadline.CancelAsync().ConfigureAwait(false);
                await Task.WhenAll(probes).ConfigureAwait(false);
                return;
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        throw new UnreachableException(Reason(settings.BootstrapText, failure), failure);
    }

    private static string Reason(string endpoints, Exception? failure) => failure switch
    {
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData } =>
            $"The host name in {endpoints} is not known; name a silo's gateway with --bootstrap.",
        OperationCanceledException => $"Nobody answers at {endpoints}; is that the right host, and is the port open?",
        _ => $"Nothing listens at {endpoints}; start a silo with `dotnet run --project Silo` or name another with --bootstrap.",
    };

    /// <returns>Null when a connection was made, else why not.</returns>
    private static async Task<Exception?> ProbeAsync(Endpoint endpoint, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint.Host, endpoint.Port, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            return exception;
        }
    }
}
