using System.Globalization;
using System.Net;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains;

namespace OrleansLog.Silo;

/// <summary>Runs one silo until it is asked to stop.</summary>
internal static class SiloProgram
{
    /// <summary>Exit code when the silo cannot start; the reason is one line on the error stream.</summary>
    public const int CannotStart = 1;

    /// <summary>Starts the silo, says where it is, and runs until SIGTERM, SIGINT or Ctrl+C.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter errors)
    {
        try
        {
            var settings = SiloSettings.Load(args);
            var ports = SiloSettings.ReadPorts(settings);
            Ports.CheckFree(ports);
            using var host = Build(settings, ports);
            try
            {
                await host.StartAsync();
            }
            catch (Exception e) when (StartupFaults.Explain(e, ports) is { } reason)
            {
                throw new StartupException(reason, e);
            }

            await output.WriteLineAsync(Describe(host.Services, ports));
            await host.WaitForShutdownAsync();
            return 0;
        }
        catch (StartupException e)
        {
            await errors.WriteLineAsync($"OrleansLog cannot start: {e.Message}");
            return CannotStart;
        }
    }

    private static IHost Build(IConfigurationRoot settings, SiloOptions ports)
    {
        // None of the usual defaults: they watch files and read settings that this program checks by itself.
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddConfiguration(settings);
        AddLogging(builder.Logging, settings);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(60));
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(ports.SiloPort, ports.GatewayPort)
            .AddOrleansLog());
        return builder.Build();
    }

    private static void AddLogging(ILoggingBuilder logging, IConfiguration settings)
    {
        logging.SetMinimumLevel(LogLevel.Warning);
        // What these warn of (a workstation garbage collector, clustering for one machine) is this program's choice.
        logging.AddFilter("Orleans.Hosting.SiloHostedService", LogLevel.Error);
        logging.AddFilter("Orleans.Runtime.Silo", LogLevel.Error);
        logging.AddConfiguration(settings.GetSection("Logging"));
        logging.AddSimpleConsole(options => options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ");
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
