using FedSpine.Engine.Generation;

namespace FedSpine.Engine.Models;

/// <summary>The rows of a key-value cache that belong to a batch; without a cache, nothing is kept.</summary>
/// <param name="First">The row of the batch's first sequence.</param>
/// <param name="Continues">The batch has one token a sequence, which follows those in the cache; otherwise its sequences start here.</param>
internal readonly record struct CachedRows(KeyValueCache? Cache, int First, bool Continues);
