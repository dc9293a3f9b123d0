using System.Globalization;
using System.Net;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains;

namespace OrleansLog.Silo;

/// <summary>Runs one silo until it is asked to stop.</summary>
internal static class SiloProgram
{
    /// <summary>Exit code when the silo cannot start as it is configured; the reason is on the error stream.</summary>
    public const int CannotStart = 1;

    /// <summary>Exit code of a defect; the whole exception is on the error stream.</summary>
    public const int Defect = 70;

    /// <summary>Starts the silo, says where it is, and runs until SIGTERM, SIGINT or Ctrl+C.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter errors)
    {
        var ports = new SiloOptions();
        try
        {
            var settings = SiloSettings.Load(args);
            ports = SiloSettings.Check(settings);
            Ports.CheckFree(ports);
            var progress = new StartupProgress();
            using var host = Build(settings, ports, progress);
            await host.StartAsync();
            progress.IsStarted = true;
            await output.WriteLineAsync(Describe(host.Services, ports));
            await host.WaitForShutdownAsync();
            return 0;
        }
        catch (Exception e) when (StartupFaults.Explain(e, ports) is { } reason)
        {
            await errors.WriteLineAsync($"OrleansLog cannot start: {reason}");
            return CannotStart;
        }
        catch (Exception e)
        {
            await errors.WriteLineAsync($"OrleansLog failed: {e}");
            return Defect;
        }
    }

    private static IHost Build(IConfigurationRoot settings, SiloOptions ports, StartupProgress progress)
    {
        // None of the usual defaults: they watch files and read settings that this program checks by itself.
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddConfiguration(settings);
        AddLogging(builder.Logging, settings, progress);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(60));
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(ports.SiloPort, ports.GatewayPort)
            .AddOrleansLog());
        return builder.Build();
    }

    private static void AddLogging(ILoggingBuilder logging, IConfiguration settings, StartupProgress progress)
    {
        logging.SetMinimumLevel(LogLevel.Warning);
        // What these warn of (a workstation garbage collector, clustering for one machine) is this program's choice.
        logging.AddFilter("Orleans.Hosting.SiloHostedService", LogLevel.Error);
        logging.AddFilter("Orleans.Runtime.Silo", LogLevel.Error);
        logging.AddConfiguration(settings.GetSection("Logging"));
        logging.AddSimpleConsole(options => options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ");
        logging.Services.Configure<SimpleConsoleFormatterOptions>(options => options.UseUtcTimestamp = true);
        // The output stream holds the one line that says where the silo is.
        logging.Services.Configure<ConsoleLoggerOptions>(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.ClearProviders();
        logging.Services.AddSingleton<ILoggerProvider>(services =>
            new QuietStart(ActivatorUtilities.CreateInstance<ConsoleLoggerProvider>(services), progress));
    }

    private static string Describe(IServiceProvider services, SiloOptions ports)
    {
        var endpoints = services.GetRequiredService<IOptions<EndpointOptions>>().Value;
        var data = Path.GetFullPath(services.GetRequiredService<IOptions<OrleansLogOptions>>().Value.DataDirectory);
        var version = typeof(SiloProgram).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
        var gateway = new IPEndPoint(endpoints.AdvertisedIPAddress ?? IPAddress.Loopback, ports.GatewayPort);
        return string.Create(
            CultureInfo.InvariantCulture, $"OrleansLog {version} serves clients on {gateway} and keeps its data in {data}");
    }
}
