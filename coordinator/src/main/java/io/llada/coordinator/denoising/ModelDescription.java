package io.llada.coordinator.denoising;

import io.llada.model.config.ModelConfig;
import io.llada.model.unmasking.DiffusionSettings;

/// What a coordinator tells about the model it serves.
///
/// @param id display name
/// @param config its shape
/// @param digest of the checkpoint
/// @param checkpointBytes of all its tensors, as they are stored
/// @param defaults settings of a request that leaves them out
/// @param weights memory the coordinator's own weights take, experts not counted
/// @param shardBytes memory one shard of experts takes; 0 for dense models
/// @param numericsClass arithmetic of its kernels
public record ModelDescription(String id, ModelConfig config, String digest, long checkpointBytes,
    DiffusionSettings defaults,
    WeightBytes weights, long shardBytes, String numericsClass) {}
