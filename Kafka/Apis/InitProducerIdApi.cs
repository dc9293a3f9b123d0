using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Records;

namespace OrleansLog.Kafka.Apis;

/// <summary>
/// InitProducerId 0-4: an id for an idempotent producer, of epoch 0. Version 2 is flexible, 3 lets a producer name the id and epoch
/// that it had, which count for a transactional one only. A transactional id is refused with UnsupportedVersion: there are no
/// transactions yet.
/// </summary>
internal sealed class InitProducerIdApi() : KafkaApi(ApiKey.InitProducerId, minVersion: 0, maxVersion: 4, flexibleFrom: 2)
{
    private readonly ProducerIds _ids = new();

    /// <inheritdoc/>
    public override Task HandleAsync(RequestContext context, KafkaReader request)
    {
        var transactionalId = request.ReadNullableString("transactional_id");
        request.ReadInt32("transaction_timeout_ms");
        if (context.ApiVersion >= 3)
        {
            request.ReadInt64("producer_id");
            request.ReadInt16("producer_epoch");
        }

        request.SkipTaggedFields();
        return AnswerAsync(context, transactionalId is not null);
    }

    private async Task AnswerAsync(RequestContext context, bool isTransactional)
    {
        var (error, id) = (ErrorCode.UnsupportedVersion, -1L);
        if (!isTransactional)
        {
            try
            {
                (error, id) = (ErrorCode.None, await _ids.NextAsync(context.Grains.GetCatalog()).ConfigureAwait(false));
            }
            catch (Exception e) when (e is OrleansLogException or TimeoutException)
            {
                // Not every client asks again after another error.
                error = ErrorCode.CoordinatorNotAvailable;
            }
        }

        var response = context.Response;
        response.WriteInt32(0); // throttle_time_ms
        response.WriteError(error);
        response.WriteInt64(id);
        response.WriteInt16((short)(id < 0 ? -1 : 0));
        response.WriteTaggedFields();
    }
}
