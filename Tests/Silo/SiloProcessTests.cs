using Microsoft.Extensions.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Silo;

/// <summary>The executable, as a user starts it.</summary>
public sealed class SiloProcessTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task It_says_in_one_line_where_it_is_and_keeps_what_it_acknowledged_through_stop_and_kill()
    {
        await using (var silo = SiloProcess.Start(_data.Path))
        {
            var line = await silo.WhenReadyAsync();
            Assert.Contains($"127.0.0.1:{silo.GatewayPort}", line, StringComparison.Ordinal);
            Assert.Contains(_data.Path, line, StringComparison.Ordinal);
            await WithClient(silo, async grains =>
            {
                await grains.GetCatalog().CreateTopic(new CreateTopicRequest("t", 1, 1, new Dictionary<string, string>()));
                await Partition(grains).Produce(Batches.Request("a"));
            });
            var (exitCode, output, errors) = await silo.StopAsync();
            Assert.Equal((0, ""), (exitCode, output));
            Assert.DoesNotContain("fail:", errors, StringComparison.Ordinal);
        }

        await using (var silo = SiloProcess.Start(_data.Path))
        {
            await silo.WhenReadyAsync();
            await WithClient(silo, grains => Partition(grains).Produce(Batches.Request("b")));
            await silo.KillAsync();
        }

        await using (var silo = SiloProcess.Start(_data.Path))
        {
            await silo.WhenReadyAsync();
            await WithClient(silo, async grains => Assert.Equal(["0:a", "1:b"], await Partition(grains).ReadAllAsync()));
        }

        static IPartitionGrain Partition(IGrainFactory grains) => grains.GetPartition(new TopicPartition("t", 0));
    }

    [Fact]
    public async Task A_second_silo_on_the_same_data_directory_is_refused()
    {
        await using var first = SiloProcess.Start(_data.Path);
        await first.WhenReadyAsync();
        await using var second = SiloProcess.Start(_data.Path);
        await CannotStart(second, _data.Path, "in use");
        Assert.Equal(0, (await first.StopAsync()).ExitCode);
    }

    [Fact]
    public async Task A_data_directory_of_another_node_or_cluster_is_refused()
    {
        await using (var owner = SiloProcess.Start(_data.Path, "--OrleansLog:ClusterId=mine", "--OrleansLog:NodeId=3"))
        {
            await owner.WhenReadyAsync();
            await owner.StopAsync();
        }

        await using var otherCluster = SiloProcess.Start(_data.Path, "--OrleansLog:ClusterId=other");
        await CannotStart(otherCluster, _data.Path, "'mine'", "'other'");
        await using var otherNode = SiloProcess.Start(_data.Path, "--OrleansLog:NodeId", "4");
        await CannotStart(otherNode, _data.Path, "'3'", "'4'");
    }

    [Fact]
    public async Task A_data_directory_that_cannot_be_made_is_named()
    {
        var file = _data.File("file");
        await File.WriteAllTextAsync(file, "in the way");
        await using var silo = SiloProcess.Start(Path.Combine(file, "data"));
        await CannotStart(silo, file);
    }

    private static async Task CannotStart(SiloProcess silo, params string[] words)
    {
        var (exitCode, output, errors) = await silo.WhenEndedAsync();
        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.StartsWith("OrleansLog cannot start: ", errors, StringComparison.Ordinal);
        Assert.All(words, word => Assert.Contains(word, errors, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static async Task WithClient(SiloProcess silo, Func<IGrainFactory, Task> action)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleansClient(client => client.UseLocalhostClustering(silo.GatewayPort));
        using var host = builder.Build();
        await host.StartAsync();
        await action((IGrainFactory)host.Services.GetService(typeof(IClusterClient))!);
        await host.StopAsync();
    }
}
