using System.Globalization;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>A thing that has configurations; the numbers of its types are Kafka's.</summary>
internal readonly record struct ConfigResource(sbyte Type, string Name)
{
    /// <summary>The type of a topic.</summary>
    public const sbyte Topic = 2;

    /// <summary>The type of a node.</summary>
    public const sbyte Broker = 4;

    /// <summary>Refuses what cannot be changed by a request: all but topics.</summary>
    /// <exception cref="OrleansLogException">InvalidRequest.</exception>
    public void RequireTopic()
    {
        if (Type == Topic) return;
        throw new OrleansLogException(
            ErrorCode.InvalidRequest,
            Type == Broker
                ? "The settings of a silo are changed where it is configured, not by a request."
                : $"Resources of type {Type} have no configurations here.");
    }

    /// <summary>Refuses a node that is not this one.</summary>
    /// <exception cref="OrleansLogException">InvalidRequest.</exception>
    public void RequireNode(int nodeId)
    {
        if (Name == nodeId.ToString(CultureInfo.InvariantCulture)) return;
        throw new OrleansLogException(ErrorCode.InvalidRequest, $"This is broker {nodeId}; ask broker '{Name}' for its own configuration.");
    }
}
