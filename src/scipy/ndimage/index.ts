/** The namespace `scipy.ndimage`: arrays between their elements. */
export { type MapCoordinatesOptions, type OutsideMode, mapCoordinates } from './map-coordinates.js'
