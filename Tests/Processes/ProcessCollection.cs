using System.Diagnostics.CodeAnalysis;
using Xunit;

namespace OrleansLog.Tests.Processes;

/// <summary>
/// Tests with real processes run one after the other, and not beside the others: they measure, and they load the machine.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
[SuppressMessage("Naming", "CA1711", Justification = "xunit's word for it")]
public sealed class ProcessCollection
{
    public const string Name = "real processes";
}
