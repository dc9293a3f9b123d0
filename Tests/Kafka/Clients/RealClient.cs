using System.Diagnostics;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>Runs a Kafka client of somebody else's as a process of its own.</summary>
internal static class RealClient
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    /// <summary>Debian's interpreter: its modules are those of the packages.</summary>
    public const string Python = "/usr/bin/python3";

    /// <summary>Runs a program, and returns what it wrote.</summary>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, string? input = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        try
        {
            using var limit = new CancellationTokenSource(Limit);
            var errors = ProcessPipe.ReadToEndAsync(process.StandardError);
            var output = ProcessPipe.ReadToEndAsync(process.StandardOutput);
            if (input is not null) await process.StandardInput.WriteAsync(input.AsMemory(), limit.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', start.ArgumentList)}: {process.ExitCode}\n{await errors}\n{await output}");
            return await output;
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    public static Task<string> RunScriptAsync(string name, params string[] arguments) =>
        RunAsync(Python, [Path.Combine(AppContext.BaseDirectory, "Kafka", "Clients", name), .. arguments]);

    /// <summary>Whether a program can be started, or a module imported.</summary>
    public static bool Has(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
