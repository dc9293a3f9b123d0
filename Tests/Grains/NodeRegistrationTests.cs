using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains;
using OrleansLog.Grains.Hosting;
using OrleansLog.Records;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class NodeRegistrationTests
{
    private readonly FakeCluster _cluster = new();
    private readonly List<int> _calls = [];

    [Fact]
    public async Task A_catalog_that_was_on_a_silo_which_crashed_is_asked_until_it_is_elsewhere()
    {
        _cluster.Catalog.OnRegister = node =>
        {
            _calls.Add(node.NodeId);
            return _calls.Count < 3 ? throw new SiloUnavailableException("The target silo is no longer active.") : Task.CompletedTask;
        };
        await Registration().RegisterAsync(CancellationToken.None);
        Assert.Equal([7, 7, 7], _calls);
    }

    [Fact]
    public async Task What_the_catalog_itself_says_ends_the_start()
    {
        _cluster.Catalog.OnRegister = static _ => throw new OrleansLogException(ErrorCode.PolicyViolation, "no");
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => Registration().RegisterAsync(CancellationToken.None));
        Assert.Equal(ErrorCode.PolicyViolation, refused.Error);
    }

    private NodeRegistration Registration()
    {
        var node = new LocalNode(Options.Create(new OrleansLogOptions()), new ServiceCollection().BuildServiceProvider());
        node.Identify(new DataDirectoryIdentity("cluster", 7));
        return new NodeRegistration(_cluster, node, TimeProvider.System, NullLogger<NodeRegistration>.Instance);
    }
}
