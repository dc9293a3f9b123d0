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
using OrleansLog.Grains.Hosting;
using OrleansLog.Kafka;

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
        SiloEndpoints? endpoints = null;
        try
        {
            var settings = SiloSettings.Load(args);
            (var log, endpoints) = SiloSettings.Check(settings);
            Ports.CheckFree(endpoints);
            var progress = new StartupProgress();
            using var host = Build(settings, log, endpoints, progress);
            await host.StartAsync();
            progress.IsStarted = true;
            await output.WriteLineAsync(Describe(host.Services, endpoints));
            await host.WaitForShutdownAsync();
            if (host.Services.GetRequiredService<INodeIdentity>().Lost is not { IsCompleted: true } lost) return 0;
            await errors.WriteLineAsync($"OrleansLog has stopped: {await lost}.");
            return CannotStart;
        }
        catch (Exception e) when (StartupFaults.Explain(e, endpoints) is { } reason)
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

    private static IHost Build(
        IConfigurationRoot settings, OrleansLogOptions log, SiloEndpoints endpoints, StartupProgress progress)
    {
        // None of the usual defaults: they watch files and read settings that this program checks by itself.
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddConfiguration(settings);
        AddLogging(builder.Logging, settings, progress);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(60));
        builder.UseOrleans(silo =>
        {
            if (log.Metadata.EffectiveProvider == MetadataStoreProvider.PostgreSql) silo.UsePostgresClustering();
            else silo.UseLocalhostClustering(primarySiloEndpoint: new IPEndPoint(endpoints.Advertised, endpoints.SiloPort));
            silo.Configure<EndpointOptions>(endpoints.Apply).AddOrleansLog();
            if (endpoints.Kafka is { } kafka) silo.Services.AddOrleansLogKafka(kafka);
        });
        return builder.Build();
    }

    private static void AddLogging(ILoggingBuilder logging, IConfiguration settings, StartupProgress progress)
    {
        logging.SetMinimumLevel(LogLevel.Warning);
        // What these warn of (a workstation garbage collector, clustering for one machine) is this program's choice.
        logging.AddFilter("Orleans.Hosting.SiloHostedService", LogLevel.Error);
        logging.AddFilter("Orleans.Runtime.Silo", LogLevel.Error);
        // Every attempt of a call to a silo that is gone, twice; the runtime says by itself what it could not reach.
        logging.AddFilter("Polly", LogLevel.Error);
        logging.AddConfiguration(settings.GetSection("Logging"));
        logging.AddSimpleConsole(options => options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ");
        logging.Services.Configure<SimpleConsoleFormatterOptions>(options => options.UseUtcTimestamp = true);
        // The output stream holds the one line that says where the silo is.
        logging.Services.Configure<ConsoleLoggerOptions>(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.ClearProviders();
        logging.Services.AddSingleton<ILoggerProvider>(services =>
            ActivatorUtilities.CreateInstance<QuietStart>(services, ActivatorUtilities.CreateInstance<ConsoleLoggerProvider>(services), progress));
    }

    private static string Describe(IServiceProvider services, SiloEndpoints endpoints)
    {
        var log = services.GetRequiredService<IOptions<OrleansLogOptions>>().Value;
        var node = services.GetRequiredService<LocalNode>();
        var version = typeof(SiloProgram).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
        var part = log.Metadata.EffectiveProvider == MetadataStoreProvider.PostgreSql
            ? string.Create(CultureInfo.InvariantCulture, $", as node {node.NodeId} of cluster {node.ClusterId}")
            : string.Empty;
        var kafka = endpoints.Kafka is { Listen: var listen } ? $", Kafka clients on {listen}," : string.Empty;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"OrleansLog {version} serves clients on {endpoints.Gateway}{kafka} and keeps its data in "
            + $"{Path.GetFullPath(log.DataDirectory)}{part}");
    }
}
