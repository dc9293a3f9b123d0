using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using OrleansLog.Tests.Processes;

namespace OrleansLog.Tests.Silo;

/// <summary>A silo in a process of its own, with ports of its own; killed at the end if it still runs.</summary>
internal sealed class SiloProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Task<string> _errors;

    private SiloProcess(Process process, int gatewayPort)
    {
        _process = process;
        GatewayPort = gatewayPort;
        _errors = ProcessPipe.ReadToEndAsync(process.StandardError);
    }

    public int GatewayPort { get; }

    public static SiloProcess Start(string dataDirectory, params string[] settings) =>
        Start(dataDirectory, FreePort(), FreePort(), settings);

    public static SiloProcess Start(string dataDirectory, int gatewayPort, int siloPort, params string[] settings)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "OrleansLog.Silo.dll"));
        start.ArgumentList.Add($"--OrleansLog:DataDirectory={dataDirectory}");
        start.ArgumentList.Add(string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:GatewayPort={gatewayPort}"));
        start.ArgumentList.Add(string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:SiloPort={siloPort}"));
        start.ArgumentList.Add(string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:Kafka:Port={FreePort()}"));
        foreach (var setting in settings) start.ArgumentList.Add(setting);
        return new SiloProcess(Process.Start(start)!, gatewayPort);
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>The line by which it says that it is ready.</summary>
    public async Task<string> WhenReadyAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        return line ?? throw new InvalidOperationException($"The silo ended before it was ready: {await _errors}");
    }

    /// <summary>Waits until it has ended by itself.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> WhenEndedAsync()
    {
        var output = await ProcessPipe.ReadToEndAsync(_process.StandardOutput).WaitAsync(Patience);
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return (_process.ExitCode, output, await _errors);
    }

    /// <summary>Asks it to stop, as a service manager does, and waits until it has.</summary>
    public Task<(int ExitCode, string Output, string Errors)> StopAsync()
    {
        const int SigTerm = 15;
        if (SendSignal(_process.Id, SigTerm) != 0) throw new InvalidOperationException("The signal could not be sent.");
        return WhenEndedAsync();
    }

    /// <summary>Ends it at once.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);
}
