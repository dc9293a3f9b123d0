using System.Diagnostics;
using System.Globalization;

namespace OrleansLog.Benchmarks;

/// <summary>The real silo, in a process of its own on free loopback ports.</summary>
internal sealed class SiloProcess : IAsyncDisposable
{
    private readonly Process _process;

    private SiloProcess(Process process, int gatewayPort, TimeSpan ready)
    {
        _process = process;
        GatewayPort = gatewayPort;
        Ready = ready;
    }

    public int GatewayPort { get; }

    /// <summary>From the start of the process until it said that it listens.</summary>
    public TimeSpan Ready { get; }

    public double CpuSeconds
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalSeconds;
        }
    }

    public double ResidentMegabytes => File.ReadLines($"/proc/{_process.Id}/status")
        .Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Select(line => double.Parse(line.AsSpan(6).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) / 1024)
        .FirstOrDefault(double.NaN);

    public static async Task<SiloProcess> StartAsync(string dataDirectory, params string[] settings)
    {
        var gatewayPort = RawSocket.FreePort();
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            ArgumentList =
            {
                Path.Combine(AppContext.BaseDirectory, "OrleansLog.Silo.dll"),
                "--OrleansLog:DataDirectory", dataDirectory,
                "--OrleansLog:GatewayPort", gatewayPort.ToString(CultureInfo.InvariantCulture),
                "--OrleansLog:SiloPort", RawSocket.FreePort().ToString(CultureInfo.InvariantCulture),
                "--OrleansLog:Kafka:Port", RawSocket.FreePort().ToString(CultureInfo.InvariantCulture),
            },
        };
        foreach (var setting in settings) start.ArgumentList.Add(setting);
        var watch = Stopwatch.StartNew();
        var process = Process.Start(start) ?? throw new InvalidOperationException("The silo did not start.");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        if (await process.StandardOutput.ReadLineAsync(limit.Token) is not { } line)
        {
            await process.WaitForExitAsync(limit.Token);
            throw new InvalidOperationException($"The silo ended with exit code {process.ExitCode} before it was ready.");
        }

        var ready = watch.Elapsed;
        Console.Error.WriteLine(line);
        return new SiloProcess(process, gatewayPort, ready);
    }

    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
    }
}
