package io.llada.deploy.offline;

import io.llada.model.unmasking.DiffusionSettings;
import java.util.List;

/// One request of a batch.
///
/// @param id as in the file
/// @param promptIds the prompt
/// @param settings how it is denoised
/// @param stop strings before which the text ends
public record OfflineRequest(String id, int[] promptIds, DiffusionSettings settings, List<String> stop) {}
