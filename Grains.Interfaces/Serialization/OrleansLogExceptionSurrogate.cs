using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces.Serialization;

/// <summary>An <see cref="OrleansLogException"/> as it is serialized: its code, message and refused records.</summary>
[GenerateSerializer, Immutable, Alias("OrleansLog.OrleansLogException")]
public readonly record struct OrleansLogExceptionSurrogate(
    [property: Id(0)] ErrorCode Error, [property: Id(1)] string Message, [property: Id(2)] IReadOnlyList<int>? RefusedRecords = null);

/// <summary>Converts <see cref="OrleansLogException"/> for serialization, so that a caller sees the grain's own exception.</summary>
[RegisterConverter]
public sealed class OrleansLogExceptionConverter : IConverter<OrleansLogException, OrleansLogExceptionSurrogate>
{
    /// <inheritdoc />
    public OrleansLogException ConvertFromSurrogate(in OrleansLogExceptionSurrogate surrogate) =>
        new(surrogate.Error, surrogate.Message) { RefusedRecords = surrogate.RefusedRecords ?? [] };

    /// <inheritdoc />
    public OrleansLogExceptionSurrogate ConvertToSurrogate(in OrleansLogException value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new(value.Error, value.Message, value.RefusedRecords.Count > 0 ? value.RefusedRecords : null);
    }
}
