using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Kafka.Apis;

/// <summary>Tells the two kinds of groups apart, by Kafka's names.</summary>
internal static class GroupKinds
{
    /// <summary>The state of a group that does not exist.</summary>
    public const string Dead = "Dead";

    /// <summary>The protocol type of consumers.</summary>
    public const string Consumer = "consumer";

    /// <summary>Whether it is a group of KIP-848: it had members by that protocol last.</summary>
    public static bool IsConsumer(GroupDescription group) => group.Classic is null && group.GroupEpoch > 0;

    /// <summary>Its kind.</summary>
    public static string KindOf(GroupDescription group) => IsConsumer(group) ? "Consumer" : "Classic";

    /// <summary>What it is for; empty when nobody said.</summary>
    public static string ProtocolTypeOf(GroupDescription group) =>
        IsConsumer(group) ? Consumer : group.Classic?.ProtocolType ?? string.Empty;
}
