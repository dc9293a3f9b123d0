using System.Diagnostics;
using OrleansLog.Client;

namespace OrleansLog.Tests.Processes;

/// <summary>The real silo, in a process of its own.</summary>
public sealed class SiloProcess : IAsyncDisposable
{
    // Limits, not expectations: a machine that builds and tests at the same time takes its time.
    public static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);
    public static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    private SiloProcess(ChildProcess process, SiloSetup setup, TimeSpan startTime)
    {
        Process = process;
        Setup = setup;
        StartTime = startTime;
    }

    public ChildProcess Process { get; }

    public SiloSetup Setup { get; }

    /// <summary>From the start of the process until it said that it serves.</summary>
    public TimeSpan StartTime { get; }

    /// <summary>Starts the process and does not wait for anything.</summary>
    public static ChildProcess Launch(SiloSetup setup) =>
        ChildProcess.Start(
        "OrleansLog.Silo", setup.Arguments, shellPrefix: setup.ShellPrefix, launcher: setup.Launcher, environment: setup.Environment);

    /// <summary>Starts a silo and returns when it says that it serves.</summary>
    public static async Task<SiloProcess> StartAsync(SiloSetup setup)
    {
        var start = Stopwatch.GetTimestamp();
        var process = Launch(setup);
        try
        {
            await process.WaitForLineAsync(static line => line.Contains(" serves clients on ", StringComparison.Ordinal), StartLimit);
            return new SiloProcess(process, setup, Stopwatch.GetElapsedTime(start));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public Task<OrleansLogClient> ConnectAsync() => ConnectAsync(Setup);

    public static Task<OrleansLogClient> ConnectAsync(SiloSetup setup) => OrleansLogClient.ConnectAsync(
        new OrleansLogClientOptions { Endpoints = setup.Endpoint, ConnectTimeout = TimeSpan.FromSeconds(60) });

    /// <summary>kill -9.</summary>
    public Task KillAsync() => Process.KillAsync();

    /// <summary>SIGTERM; returns the exit code.</summary>
    public Task<int> StopAsync()
    {
        Process.Terminate();
        return Process.WaitForExitAsync(StopLimit);
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}
